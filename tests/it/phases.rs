//! An instance type that changes under a registered scalable target: two steps, and what is left when one fails.

use serde_json::{Value, json};

use crate::cloud::{Cloud, Workload, outcome, smstack};
use crate::project::replaced;
use crate::tools::succeed;

const STACK: &str = "serving";

/// A deployed workload whose endpoint has scaled out, and whose stack file wants another instance type.
fn scaled_out<'a>(cloud: &'a Cloud, account: &str, name: &'a str) -> Workload {
    let workload = Workload::new(cloud, account, |text| {
        replaced(&text, "name: deep-learning\n", &format!("name: {name}\n"))
    });
    workload.deployed("dev");
    workload.register("dev");
    workload.deployed("dev");
    succeed(&mut workload.ask("us-east-1", &["scale", "stacks/deep-learning.yaml", "dev", "5"]));
    workload.write(&replaced(
        &workload.text(),
        "instance: ml.c5.xlarge, count",
        "instance: ml.m5.large, count",
    ));
    workload
}

/// What runs, what is registered, and whether the stack says that something is missing.
fn state(workload: &Workload) -> Value {
    let output = succeed(&mut workload.ask("us-east-1", &["scaling", "stacks/deep-learning.yaml", "dev"]));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn is(instance: &str, registered: usize, marked: bool) -> Value {
    json!({ "instance": instance, "count": 5, "targets": registered, "policies": registered, "marked": marked })
}

fn serving(outcome: &Value) -> &Value {
    outcome["stacks"].as_array().unwrap().iter().find(|stack| stack["kind"] == STACK).unwrap()
}

#[test]
fn scaling_goes_the_endpoint_changes_and_scaling_comes_back() {
    let cloud = Cloud::join();
    let workload = scaled_out(&cloud, "100000000031", "deep-learning");
    let declined = workload.deploy("dev", &[]);
    assert_eq!(declined.status.code(), Some(5), "{declined:?}");
    assert_eq!(state(&workload), is("ml.c5.xlarge", 1, false));

    let (first, said) = workload.deployed("dev");
    assert_eq!(serving(&first)["result"], "updated", "{said}");
    for words in [
        "deep-learning-dev-serving: in two steps",
        "its instance type changes from ml.c5.xlarge to ml.m5.large; 5 instances run",
        "  - WebScalableTarget (ApplicationAutoScaling::ScalableTarget)",
        "has 5 instances, as before",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert_eq!(state(&workload), is("ml.m5.large", 1, false));
    workload.check("dev");
    let (again, said) = workload.deployed("dev");
    assert_eq!(serving(&again)["result"], "unchanged", "{said}");
}

#[test]
fn what_scales_is_put_back_when_the_second_step_fails() {
    let cloud = Cloud::join();
    let _alone = cloud.alone_with_faults();
    let workload = scaled_out(&cloud, "100000000032", "second-fails");
    let endpoint = "second-fails-dev-serving/DeepLearningEndpointEndpoint";
    cloud.faults(&json!({ "update": { endpoint: { "error": "no capacity", "times": 1 } } }));
    let output = workload.deploy("dev", &["--yes", "--format", "json"]);
    assert_eq!(output.status.code(), Some(6), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("what scales is as it was before"), "{said}");
    let outcome = outcome(&output);
    assert!(serving(&outcome)["detail"].as_str().unwrap().contains("no capacity"), "{outcome}");
    assert_eq!(state(&workload), is("ml.c5.xlarge", 1, false));
    workload.deployed("dev");
    assert_eq!(state(&workload), is("ml.m5.large", 1, false));
}

#[test]
fn a_first_step_that_nobody_followed_up_is_gone_on_with() {
    let cloud = Cloud::join();
    let _alone = cloud.alone_with_faults();
    let workload = scaled_out(&cloud, "100000000033", "half-way");
    // Nothing of the second step can begin: the first stands, and what it removed cannot be put back either.
    let target = "half-way-dev-serving/WebScalableTarget";
    cloud.faults(&json!({ "create": { target: { "error": "not now", "times": 2 } } }));
    let output = workload.deploy("dev", &["--yes", "--format", "json"]);
    assert_eq!(output.status.code(), Some(6), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("deploy again to have it back"), "{said}");
    assert_eq!(state(&workload), is("ml.c5.xlarge", 0, true));
    let (_, said) = workload.deployed("dev");
    assert!(said.contains("this is the second of two steps"), "{said}");
    assert_eq!(state(&workload), is("ml.m5.large", 1, false));
}

/// A plan file holds change sets that are there before anything is executed: of two steps the first.
#[test]
fn a_plan_holds_the_first_step_and_says_what_follows() {
    let cloud = Cloud::join();
    let workload = scaled_out(&cloud, "100000000034", "deep-learning");
    let prepare = || -> Value {
        let output = succeed(&mut workload.command("deploy", "dev", &["--prepare", "--format", "json"]));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let execute = || {
        let plan = "smstack.out/deep-learning-dev.plan.json";
        succeed(smstack(workload.path()).args(["deploy", "--execute", plan, "--local"]));
    };
    let plan = prepare();
    assert!(plan["follows"][0]["why"].as_str().unwrap().contains("registered for scaling"), "{plan:#}");
    assert_eq!(state(&workload), is("ml.c5.xlarge", 1, false));
    execute();
    assert_eq!(state(&workload), is("ml.c5.xlarge", 0, true));
    let plan = prepare();
    assert_eq!(plan["follows"], json!([]));
    execute();
    assert_eq!(state(&workload), is("ml.m5.large", 1, false));
}
