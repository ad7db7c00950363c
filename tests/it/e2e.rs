//! The main job, end to end: the reference workload on the local cloud, by the program, read back by boto3.

use serde_json::{Value, json};

use crate::cloud::{Cloud, Workload, fits, outcome, smstack};
use crate::project::{self, replaced};

/// Each stack's result, in the order of deployment.
fn results(outcome: &Value) -> Vec<(&str, &str)> {
    let stacks = outcome["stacks"].as_array().unwrap();
    stacks.iter().map(|stack| (stack["kind"].as_str().unwrap(), stack["result"].as_str().unwrap())).collect()
}

/// The lines that say what a change set does: `~ RawBucket (S3::Bucket): LifecycleConfiguration`. What is
/// marked `?` refers to something that changes; it changes only if the attribute that it names does.
fn changes(said: &str) -> Vec<&str> {
    said.lines()
        .filter_map(|line| line.strip_prefix("  "))
        .filter(|line| line.starts_with(['+', '-', '~', '!', '<']) && line.contains(" ("))
        .collect()
}

#[test]
fn the_reference_workload_is_deployed_approved_changed_and_left_alone() {
    let cloud = Cloud::join();
    let workload = Workload::new(&cloud, "100000000001", |text| text);

    let (first, said) = workload.deployed("dev");
    assert_eq!(
        results(&first),
        [("bootstrap", "created"), ("platform", "created"), ("serving", "waiting")],
        "{said}"
    );
    assert!(said.contains("this is the local cloud"), "{said}");
    let waiting = first["stacks"][2]["detail"].as_str().unwrap();
    assert!(waiting.contains("no approved model in group `deep-learning-models-dev`"), "{waiting}");
    let approve =
        "`smstack approve deep-learning VERSION --env dev --local --group deep-learning-models-dev`";
    assert!(waiting.contains(approve), "{waiting}");
    assert!(first["uploaded"].as_u64().unwrap() >= 5, "{first}");
    let told = workload.told("outputs", "dev", 0);
    assert_eq!(told["stacks"][0]["outputs"], first["stacks"][1]["outputs"]);
    let told = workload.told("events", "dev", 0);
    let of = |n: usize, what: &str| told["stacks"][n][what].clone();
    assert_eq!((of(1, "status"), of(2, "status")), (json!("CREATE_COMPLETE"), Value::Null));
    let events = of(1, "events");
    let all = events.as_array().unwrap();
    assert!(all.len() > 20 && all[0]["status"] == "CREATE_IN_PROGRESS", "{events:#}");
    assert_eq!(all[all.len() - 1]["status"], "CREATE_COMPLETE");

    // The approval makes the serving stack by itself, and just as `deploy` would have made it.
    let rows = workload.path().join("rows");
    std::fs::create_dir(&rows).unwrap();
    std::fs::write(rows.join("rows.csv"), "a,b\n1,2\n").unwrap();
    let mut publish = smstack(workload.path());
    publish.args([
        "data",
        "publish",
        "deep-learning",
        "training-data",
        "rows",
        "--env",
        "dev",
        "--local",
        "--yes",
    ]);
    assert_eq!(publish.output().unwrap().status.code(), Some(0));
    let told = workload.told("run", "dev", 0);
    assert_eq!(told["execution"]["status"], "Succeeded", "{told}");
    assert!(told["steps"].as_array().unwrap().len() >= 4, "{told}");
    let refused = workload.run("run", "dev", &["--param", "Epoch=3"]);
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("has no parameter `Epoch`"), "{refused:?}");

    workload.register("dev");
    workload.check("dev");
    let told = workload.told("status", "dev", 0);
    assert_eq!(told["stacks"][1]["status"], "CREATE_COMPLETE");
    assert_eq!(told["pipelines"][0]["state"]["last_execution"]["status"], "Succeeded");
    assert_eq!(told["groups"][0]["state"]["approved"]["version"], 1);
    assert_eq!(told["endpoints"][0]["state"]["status"], "InService");
    assert!(
        told["alarms"].as_array().unwrap().iter().all(|alarm| alarm["state"]["state"].is_string()),
        "{told}"
    );
    assert_eq!(told["monitors"][0]["error"], Value::Null);
    let told = workload.told("models", "dev", 0);
    assert_eq!(told["groups"][0]["versions"][0]["approval"], "Approved");
    traced(&workload);
    let output = workload.run("approve", "dev", &["1"]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("is Approved already"), "{output:?}");
    let output = workload.run("approve", "dev", &["7"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    nothing_to_do(&workload);

    changed(&workload);
    nothing_to_do(&workload);

    // So does the next approval, and the stack keeps what was changed in between.
    let version = workload.register("dev");
    assert!(version.ends_with("/2"), "{version}");
    workload.check("dev");
    nothing_to_do(&workload);
}

/// A version says what it was made of. It was registered with the default of each parameter, as a trigger does it.
fn traced(workload: &Workload) {
    let output = workload.run("models", "dev", &["1", "--format", "json"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    fits(&told, include_str!("../../schemas/model.schema.json"));
    let manifest = project::synth(workload.path(), "dev").join("manifest.json");
    let manifest: Value = serde_json::from_slice(&std::fs::read(manifest).unwrap()).unwrap();
    assert_eq!(told["definition"], manifest["definition"]["sha256"]);
    assert_eq!((&told["number"], &told["commit"]), (&json!(1), &Value::Null));
    let read = &told["datasets"][0];
    assert_eq!((&read["dataset"], &read["given"]), (&json!("training-data"), &json!("latest")));
    assert_eq!(read["id"], read["description"]["id"], "what was the latest then: {told:#}");
    assert_eq!(read["description"]["rows"], 1);
    let rebuild = told["rebuild"].as_array().unwrap().last().unwrap().as_str().unwrap();
    let id = read["id"].as_str().unwrap();
    assert!(rebuild.contains(&format!("--param training-data-version={id}")), "{rebuild}");
    let output = workload.run("models", "dev", &["1"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("to make it again:") && said.contains("the commit is not known"), "{said}");
}

/// Deploys unchanged: no change, and not one upload.
fn nothing_to_do(workload: &Workload) {
    let (outcome, said) = workload.deployed("dev");
    assert_eq!(
        results(&outcome),
        [("bootstrap", "unchanged"), ("platform", "unchanged"), ("serving", "unchanged")],
        "{said}"
    );
    assert_eq!(outcome["uploaded"], 0, "{said}");
    assert!(changes(&said).is_empty(), "{said}");
    for line in ["smstack-bootstrap: nothing to do", "deep-learning-dev-serving: nothing to do"] {
        assert!(said.lines().any(|said| said == line), "{said}");
    }
}

/// Changes three things of the stack file; those and nothing else change, and not without consent.
fn changed(workload: &Workload) {
    let text = replaced(&workload.text(), "max: 10\n", "max: 12\n");
    let text = replaced(&text, "above: 500ms", "above: 750ms");
    let text = replaced(&text, "expire_noncurrent: 90d", "expire_noncurrent: 30d");

    workload.write(&text);
    let output = workload.deploy("dev", &[]);
    assert_eq!(output.status.code(), Some(5), "{output:?}");
    let differences = workload.differences("dev");
    let about: Vec<&str> = differences.iter().filter_map(|line| line.split(": ").next()).collect();
    assert_eq!(about, ["bucket raw", "web", "alarm latency"], "{differences:#?}");
    let (outcome, said) = workload.deployed("dev");
    assert_eq!(
        results(&outcome),
        [("bootstrap", "unchanged"), ("platform", "updated"), ("serving", "updated")],
        "{said}"
    );
    assert_eq!(
        changes(&said),
        [
            "~ RawBucket (S3::Bucket): LifecycleConfiguration",
            "~ ServingRollout (StepFunctions::StateMachine): DefinitionSubstitutions",
            "~ Dashboard (CloudWatch::Dashboard): DashboardBody",
            "~ LatencyAlarm (CloudWatch::Alarm): AlarmDescription, Threshold",
            "~ WebScalableTarget (ApplicationAutoScaling::ScalableTarget): MaxCapacity",
        ],
        "{said}"
    );
    assert!(
        said.contains("? RawBucketPolicy (S3::BucketPolicy): PolicyDocument, should RawBucket.Arn change"),
        "{said}"
    );
    workload.check("dev");
}

#[test]
fn two_environments_share_an_account_and_a_region() {
    let cloud = Cloud::join();
    // Nothing follows an approval here: it is `deploy` that finds the version.
    let workload = Workload::new(&cloud, "100000000002", |text| {
        let text = replaced(&text, "region: eu-west-1", "region: us-east-1");
        let rollout = text.lines().find(|line| line.contains("on_approval: deploy")).unwrap().to_owned();
        replaced(&text, &format!("{rollout}\n"), "")
    });
    for environment in ["dev", "prod"] {
        workload.deployed(environment);
        workload.register(environment);
    }
    for environment in ["dev", "prod"] {
        let (outcome, said) = workload.deployed(environment);
        assert_eq!(results(&outcome)[2], ("serving", "created"), "{said}");
    }
    for environment in ["dev", "prod"] {
        workload.check(environment);
    }
}

#[test]
fn another_account_or_region_is_refused() {
    let cloud = Cloud::join();
    let workload = Workload::new(&cloud, "100000000003", |text| text);
    let deploy = |account: &str, more: &[&str]| {
        let mut command = smstack(workload.path());
        command.env_remove("AWS_PROFILE").env("AWS_ACCESS_KEY_ID", account);
        command.args(["deploy", "deep-learning", "--env", "dev", "--yes", "--endpoint-url", &cloud.url]);
        let output = command.args(more).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let said = deploy("100000000004", &[]);
    assert!(said.contains("belongs to account `100000000003`"), "{said}");
    assert!(said.contains("`100000000004`"), "{said}");
    let said = deploy("100000000003", &["--region", "eu-west-1"]);
    assert!(said.contains("belongs to region `us-east-1`"), "{said}");
    assert!(workload.is_empty());
    let other = Workload::new(&cloud, "100000000004", |text| text);
    assert!(other.is_empty());
}

#[test]
fn without_consent_nothing_is_made() {
    let cloud = Cloud::join();
    let workload = Workload::new(&cloud, "100000000005", |text| text);
    let output = workload.deploy("dev", &["--format", "json"]);
    assert_eq!(output.status.code(), Some(5), "{output:?}");
    assert_eq!(results(&outcome(&output)), [("bootstrap", "declined")]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("consent") && said.contains("--yes"), "{said}");
    assert!(workload.is_empty());
    assert_eq!(workload.told("outputs", "dev", 1)["stacks"], json!([]));
}

#[test]
fn a_failed_resource_is_the_first_cause() {
    let cloud = Cloud::join();
    let _alone = cloud.alone_with_faults();
    // Faults are found by the stack's name, whatever the account.
    let workload = Workload::new(&cloud, "100000000006", |text| {
        replaced(&text, "name: deep-learning\n", "name: faulty\n")
    });
    cloud.faults(
        &json!({ "create": { "faulty-dev-platform/PipelineDefinition": { "error": "Could not assume role x" } } }),
    );
    let output = workload.deploy("dev", &["--yes", "--format", "json"]);
    assert_eq!(output.status.code(), Some(6), "{output:?}");
    let outcome = outcome(&output);
    assert_eq!(results(&outcome), [("bootstrap", "created"), ("platform", "failed")]);
    let detail = outcome["stacks"][1]["detail"].as_str().unwrap();
    assert!(
        detail.contains("first cause: PipelineDefinition (SageMaker::Pipeline) CREATE_FAILED"),
        "{detail}"
    );
    assert!(detail.contains("Could not assume role x"), "{detail}");
    // Where the stack file says it, and what is known of the reason.
    let line = workload.text().lines().position(|line| line.starts_with("pipeline:")).unwrap() + 1;
    let origin = format!("stacks/deep-learning.yaml:{line}:1");
    let cause = &outcome["stacks"][1]["cause"];
    assert_eq!((&cause["origin"], &cause["kind"]), (&json!(origin), &json!("assume-role")), "{cause:#}");
    assert!(detail.contains(&format!("--> {origin}")) && detail.contains("= help: deploy again"), "{detail}");

    let again = workload.deploy("dev", &["--yes"]);
    assert_eq!(again.status.code(), Some(1), "{again:?}");
    let said = String::from_utf8(again.stderr).unwrap();
    assert!(said.contains("`faulty-dev-platform` is in `ROLLBACK_COMPLETE`"), "{said}");
    assert!(said.contains("smstack recover"), "{said}");

    let told = workload.told("events", "dev", 0);
    assert_eq!(told["stacks"][1]["status"], "ROLLBACK_COMPLETE");
    let events = told["stacks"][1]["events"].as_array().unwrap();
    let cause = events.iter().find(|event| event["status"] == "CREATE_FAILED").unwrap();
    assert_eq!(cause["logical_id"], "PipelineDefinition", "{cause}");

    // Nothing is deleted without being asked.
    let output = workload.run("recover", "dev", &[]);
    assert_eq!(output.status.code(), Some(5), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        said.contains("first cause: PipelineDefinition") && said.contains("way out: delete the stack"),
        "{said}"
    );
    let output = workload.run("recover", "dev", &["--yes"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("faulty-dev-platform: deleted"), "{output:?}");
    let output = workload.run("recover", "dev", &["--yes"]);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "no stack needs a way out\n", "{output:?}");
    cloud.faults(&json!({}));
    let (outcome, said) = workload.deployed("dev");
    assert_eq!(results(&outcome)[1], ("platform", "created"), "{said}");

    // What holds data is kept, and said before.
    let output = workload.run("destroy", "dev", &[]);
    assert_eq!(output.status.code(), Some(5), "{output:?}");
    let listed = String::from_utf8(output.stdout).unwrap();
    let (goes, stays) = listed.split_once("  stays, and goes on costing").unwrap();
    assert!(goes.contains("(SageMaker::Pipeline)") && !goes.contains("(S3::Bucket)"), "{listed}");
    assert!(stays.contains("(S3::Bucket)") && stays.contains("(KMS::Key)"), "{listed}");
    let refused = workload.run("destroy", "dev", &["--yes", "--empty", "nobodys"]);
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    let bucket = stays.lines().find_map(|line| line.rsplit_once("(S3::Bucket) ")).unwrap().1;
    let output = workload.run("destroy", "dev", &["--yes", "--empty", bucket]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let output = workload.run("destroy", "dev", &["--yes"]);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "nothing is deployed\n", "{output:?}");
}

#[test]
fn without_credentials_there_is_one_clear_word() {
    let at = tempfile::tempdir().unwrap();
    crate::project::write(at.path(), &crate::project::reference());
    let mut command = crate::project::smstack(at.path());
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("AWS_")) {
        command.env_remove(name);
    }
    command.env("HOME", at.path()).env("AWS_EC2_METADATA_DISABLED", "true");
    let output = command.args(["deploy", "deep-learning", "--env", "dev", "--yes"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said.matches("error: ").count(), 1, "{said}");
    for words in ["credentials", "--profile", "--local"] {
        assert!(said.contains(words), "{said}");
    }
}

#[test]
fn an_invalid_stack_file_reaches_no_cloud() {
    let at = tempfile::tempdir().unwrap();
    crate::project::write(at.path(), &replaced(&crate::project::reference(), "max: 10\n", "max: 1\n"));
    let mut command = smstack(at.path());
    // Where a local cloud would be started, there is a file in the way.
    command.env("SMSTACK_LOCAL_DIR", at.path().join("stacks/deep-learning.yaml"));
    let output =
        command.args(["deploy", "deep-learning", "--env", "dev", "--local", "--yes"]).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("scaling-bounds"), "{output:?}");
}
