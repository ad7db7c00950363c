//! `smstack data`: versions of a dataset are published, listed, verified and compared, and an execution names one.

use std::fs;
use std::process::Output;

use serde_json::{Value, json};

use crate::cloud::{Cloud, Workload, fits, smstack};

/// A command of `data` on the dataset in `dev`.
fn data(workload: &Workload, action: &str, more: &[&str]) -> Output {
    let mut program = smstack(workload.path());
    program.args(["data", action, "deep-learning", "training-data"]).args(more);
    program.args(["--env", "dev", "--local"]).output().unwrap()
}

/// What it prints for programs, which its published schema describes.
fn told(workload: &Workload, action: &str, more: &[&str], code: i32) -> Value {
    let more = [more, &["--format", "json"]].concat();
    let output = data(workload, action, &more);
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    let value = serde_json::from_slice(&output.stdout).unwrap();
    fits(&value, include_str!("../../schemas/data.schema.json"));
    value
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn versions_are_published_listed_verified_compared_and_executed() {
    let cloud = Cloud::join();
    let workload = Workload::new(&cloud, "100000000071", |text| text);
    let file = |path: &str, content: &[u8]| {
        let at = workload.path().join("rows").join(path);
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        fs::write(at, content).unwrap();
    };
    let missing = data(&workload, "publish", &["rows", "--yes"]);
    assert_eq!(missing.status.code(), Some(1), "{missing:?}");
    assert!(said(&missing).contains("the bucket of dataset `training-data` is not deployed"));

    workload.deployed("dev");
    let refused = workload.run("run", "dev", &[]);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert!(said(&refused).contains("nothing is published of dataset `training-data`"), "{refused:?}");
    let help = "`smstack data publish deep-learning training-data DIRECTORY --env dev --local`";
    assert!(said(&refused).contains(help), "{refused:?}");
    assert_eq!(told(&workload, "list", &[], 0)["datasets"][0]["versions"], json!([]));

    let missing = data(&workload, "publish", &["rows", "--yes"]);
    assert_eq!(missing.status.code(), Some(3), "{missing:?}");
    assert!(said(&missing).contains("`rows` does not exist"), "{missing:?}");
    file("a.csv", b"x,y\n1,2\n");
    file("more/b c+.csv", b"x,y\n3,4\n5,6\n");
    file("large.bin", &vec![7; 20 << 20]);
    let declined = data(&workload, "publish", &["rows"]);
    assert_eq!(declined.status.code(), Some(5), "{declined:?}");
    assert!(said(&declined).contains("starts an execution of the pipeline"), "{declined:?}");
    let first = told(&workload, "publish", &["rows", "--yes"], 0);
    assert_eq!(
        (&first["uploaded"], &first["copied"], &first["before"]),
        (&json!(3), &json!(0), &Value::Null)
    );
    assert_eq!(first["published"]["rows"], 3);
    let again = told(&workload, "publish", &["rows"], 0);
    assert_eq!((&again["known"], &again["published"]), (&json!(true), &first["published"]));

    file("a.csv", b"x,z\n1,2.5\n");
    file("new.csv", b"x,z\n1,\n");
    let second = told(&workload, "publish", &["rows", "--yes"], 0);
    assert_eq!((&second["uploaded"], &second["copied"]), (&json!(2), &json!(2)), "{second}");
    let (one, two) =
        (first["published"]["id"].as_str().unwrap(), second["published"]["id"].as_str().unwrap());
    assert_eq!(second["before"], one);
    let list = told(&workload, "list", &[], 0);
    let versions = list["datasets"][0]["versions"].as_array().unwrap();
    let listed: Vec<_> =
        versions.iter().map(|it| (it["id"].as_str().unwrap(), it["latest"] == true)).collect();
    assert_eq!(listed, [(two, true), (one, false)]);

    let difference = told(&workload, "diff", &[&one[..6]], 0);
    assert_eq!(difference["added"][0]["path"], "new.csv");
    assert_eq!(difference["changed"][0]["new"]["path"], "a.csv");
    assert_eq!(
        (&difference["same"], difference["schemas"][0]["change"].as_str()),
        (&json!(2), Some("schema_added"))
    );
    let unknown = data(&workload, "diff", &["0123456789abcdef"]);
    assert_eq!(unknown.status.code(), Some(1), "{unknown:?}");
    assert!(said(&unknown).contains("has no version `0123456789abcdef`"), "{unknown:?}");

    // An execution names what it reads, whatever `latest` becomes.
    let told_run = workload.told("run", "dev", 0);
    assert_eq!(told_run["parameters"]["training-data-version"], two);
    let given = workload.run("run", "dev", &["--param", &format!("training-data-version={}", &one[..8])]);
    assert!(said(&given).contains(&format!("training-data: version {one}\n")), "{given:?}");

    assert_eq!(told(&workload, "verify", &[], 0)["faults"], json!([]));
    assert_eq!(told(&workload, "verify", &[one], 0)["files"], 3);
    let damage = workload.ask("us-east-1", &["damage", two]).output().unwrap();
    assert!(damage.status.success(), "{damage:?}");
    let found = told(&workload, "verify", &[], 7);
    let faults: Vec<&str> =
        found["faults"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
    assert_eq!(faults.len(), 2, "{faults:?}");
    assert!(faults[0].contains("a.csv` has another content"), "{faults:?}");
    assert!(faults[1].contains("new.csv` is gone"), "{faults:?}");
}

#[test]
fn what_has_no_versions_cannot_be_published() {
    let cloud = Cloud::join();
    let workload = Workload::new(&cloud, "100000000072", |text| {
        crate::project::replaced(&text, "prefix: raw-data/, versions: true }", "prefix: raw-data/ }")
    });
    let check = |arguments: &[&str], expected: &str| {
        let mut program = smstack(workload.path());
        let output = program.arg("data").args(arguments).args(["--env", "dev", "--local"]).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(said(&output).contains(expected), "{output:?}");
    };
    check(&["publish", "deep-learning", "training-data", "stacks"], "Say `versions: true` of it");
    check(&["verify", "deep-learning", "trainin-data"], "did you mean `training-data`?");
}
