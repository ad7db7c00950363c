//! `smstack data`: versions of a dataset are published, listed, verified and compared, and an execution names one.

use std::fs;
use std::process::{Command, Output, Stdio};

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
    let mended = told(&workload, "publish", &["rows"], 0);
    assert_eq!(
        (&mended["uploaded"], &mended["there"], &mended["known"]),
        (&json!(2), &json!(2), &json!(true))
    );
    assert_eq!(told(&workload, "verify", &[], 0)["faults"], json!([]));
}

/// Two at the same time: of one content, both come to the same version; of two, each is whole, and one is the latest.
#[test]
fn two_publishers_do_not_undo_each_other() {
    let cloud = Cloud::join();
    let workload = Workload::new(&cloud, "100000000073", |text| text);
    workload.deployed("dev");
    let directory = |name: &str, salt: u8| {
        let at = workload.path().join(name);
        fs::create_dir_all(&at).unwrap();
        for n in 0..20_u8 {
            fs::write(at.join(format!("{n}.bin")), [salt, n].repeat(50_000)).unwrap();
        }
    };
    let both = |names: [&str; 2]| {
        let begun = names.map(|name| {
            let mut program = smstack(workload.path());
            program.args([
                "data",
                "publish",
                "deep-learning",
                "training-data",
                name,
                "--yes",
                "--format",
                "json",
            ]);
            program
                .args(["--env", "dev", "--local"])
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        });
        begun.map(|child| child.wait_with_output().unwrap())
    };
    directory("same", 1);
    let ids = both(["same", "same"]).map(|output| {
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        serde_json::from_slice::<Value>(&output.stdout).unwrap()["published"]["id"].clone()
    });
    assert_eq!(ids[0], ids[1]);

    directory("one", 2);
    directory("two", 3);
    let outputs = both(["one", "two"]);
    let overtaken = outputs.iter().filter(|output| output.status.code() == Some(1)).count();
    assert!(overtaken <= 1, "{outputs:?}");
    for output in outputs.iter().filter(|output| output.status.code() != Some(0)) {
        assert!(said(output).contains("is not the latest: somebody else made"), "{output:?}");
    }
    let list = told(&workload, "list", &[], 0);
    let versions = list["datasets"][0]["versions"].as_array().unwrap();
    assert_eq!(
        (versions.len(), versions.iter().filter(|it| it["latest"] == true).count()),
        (3, 1),
        "{list:#}"
    );
    for version in versions {
        assert_eq!(told(&workload, "verify", &[version["id"].as_str().unwrap()], 0)["faults"], json!([]));
    }
    let again = told(&workload, "publish", &["one", "--yes"], 0);
    assert_eq!(told(&workload, "verify", &[], 0)["id"], again["published"]["id"]);
}

/// What is published, and what is deployed, says which commit it is from, and whether something was changed since.
#[test]
fn commits_are_told() {
    let cloud = Cloud::join();
    let workload = Workload::new(&cloud, "100000000074", |text| {
        let rollout = text.lines().find(|line| line.contains("on_approval: deploy")).unwrap().to_owned();
        crate::project::replaced(&text, &format!("{rollout}\n"), "")
    });
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        command.current_dir(workload.path()).args(["-c", "user.name=a", "-c", "user.email=a@example.com"]);
        let output = command.args(arguments).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    fs::create_dir(workload.path().join("rows")).unwrap();
    fs::write(workload.path().join("rows/a.csv"), "x\n1\n").unwrap();
    git(&["init", "--quiet"]);
    git(&["add", "."]);
    git(&["commit", "--quiet", "-m", "one"]);
    let commit = git(&["rev-parse", "HEAD"]);
    // Another commit that changes nothing of it is not the one that counts.
    fs::write(workload.path().join("notes.txt"), "x").unwrap();
    git(&["add", "."]);
    git(&["commit", "--quiet", "-m", "two"]);
    let head = git(&["rev-parse", "HEAD"]);

    workload.deployed("dev");
    let published = told(&workload, "publish", &["rows", "--yes"], 0);
    assert_eq!(published["published"]["git"], json!({ "commit": head, "dirty": false }));
    workload.register("dev");
    let model = |version: &str| {
        let output = workload.run("models", "dev", &[version, "--format", "json"]);
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    let first = model("1");
    assert_eq!(first["commit"], commit);
    assert_eq!(first["rebuild"][0], format!("git checkout {commit}"));
    assert_eq!(first["gaps"], json!([]));
    workload.write(&crate::project::replaced(&workload.text(), "epochs: 100", "epochs: 50"));
    workload.deployed("dev");
    workload.register("dev");
    let second = model("2");
    assert_eq!(second["commit"], format!("{commit}-dirty"));
    assert_ne!(second["definition"], first["definition"]);
    assert!(second["gaps"][0].as_str().unwrap().contains("not committed"), "{second}");
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
