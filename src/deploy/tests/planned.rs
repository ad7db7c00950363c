//! What was prepared is what runs, or what has moved since is said.

use super::life::ask;
use super::stub::Call;
use super::*;
use crate::plan::{PLAN_VERSION, PlanFile, PlannedDiff};

const TAGS: &str = "<Tags><member><Key>team</Key><Value>ml</Value></member></Tags>";

fn target() -> Target {
    let identity = aws::Identity {
        account: "111122223333".into(),
        arn: "arn:aws:iam::111122223333:user/a".into(),
        partition: "aws".into(),
    };
    Target { identity, region: "us-east-1".into() }
}

/// A change set as it is after `--prepare`: ready, with the template and the tags of the plan.
fn waits(call: &Call) -> Option<Reply> {
    let changes = format!("<Changes>{}</Changes>{TAGS}", change_xml("Topic"));
    match call.action.as_str() {
        "DescribeChangeSet" => Some(set_xml("CREATE_COMPLETE", "", "AVAILABLE", &changes)),
        "GetTemplate" => {
            let template = String::from_utf8_lossy(TEMPLATE).replace('"', "&quot;");
            Some(Reply::xml("GetTemplate", &format!("<TemplateBody>{template}</TemplateBody>")))
        }
        _ => None,
    }
}

fn ready(stub: &Stub, assembly: &Assembly) -> Result<Ready, Error> {
    ask(stub, async |cloud| {
        let plan = plan(assembly, &target()).unwrap();
        prepare(&cloud, &plan, &quick(), &mut |_| {}).await
    })
}

fn file(ready: Ready) -> PlanFile {
    PlanFile {
        version: PLAN_VERSION,
        smstack: "0.1.0".into(),
        created: now(),
        stack: "demo".into(),
        environment: "dev".into(),
        account: "111122223333".into(),
        region: "us-east-1".into(),
        bucket: "smstack-artifacts-111122223333-us-east-1".into(),
        uploads: ready.uploads,
        stacks: ready.stacks,
        unchanged: ready.unchanged,
        follows: ready.follows,
        diff: PlannedDiff::default(),
        sha256: String::new(),
    }
    .sealed()
}

/// A plan of an update of the one stack.
fn planned() -> PlanFile {
    let stub = stub(UPDATE, waits);
    file(ready(&stub, &assembly(TemplateKind::Platform, BTreeMap::new(), TEMPLATE)).unwrap())
}

fn there() -> Reply {
    let mut reply = Reply::new(200, "application/json", "");
    reply.headers.push(("content-length", TEMPLATE.len().to_string()));
    reply
}

/// Executes a plan where AWS answers otherwise than a change set that waits would have it.
fn executed(
    file: &PlanFile,
    target: &Target,
    script: impl Fn(&Call) -> Option<Reply> + Send + Sync + 'static,
) -> (Stub, Result<Outcome, Error>) {
    let stub = stub(UPDATE, move |call| {
        let object = || (call.action == "HeadObject").then(there);
        script(call).or_else(object).or_else(|| waits(call))
    });
    let outcome = ask(&stub, async |cloud| execute(&cloud, file, target, &quick(), &mut |_| {}).await);
    (stub, outcome)
}

#[test]
fn prepared_is_made_and_shown_and_not_executed() {
    let stub = stub(UPDATE, waits);
    let ready = ready(&stub, &assembly(TemplateKind::Platform, BTreeMap::new(), TEMPLATE)).unwrap();
    let names: Vec<_> = ready.unchanged.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, [BOOTSTRAP_STACK]);
    let [stack] = ready.stacks.as_slice() else { panic!("{ready:?}") };
    assert_eq!((stack.name.as_str(), stack.changes[0].logical_id.as_str()), (STACK, "Topic"));
    assert_eq!(stack.changed.as_deref(), Some("2026-11-23T20:00:00Z"));
    assert_eq!(ready.uploads.len(), 1);
    assert!(stub.calls("ExecuteChangeSet").is_empty() && stub.calls("DeleteChangeSet").is_empty());
    let file = file(ready);
    let text = serde_json::to_string_pretty(&file).unwrap();
    assert_eq!(PlanFile::read(&text), Ok(file));
}

#[test]
fn what_was_prepared_is_executed_and_nothing_else_is_made() {
    let (stub, outcome) = executed(&planned(), &target(), |_| None);
    assert_eq!(outcome.unwrap().stacks[0].result, StackResult::Updated);
    assert_eq!(stub.calls("ExecuteChangeSet").len(), 1);
    assert!(stub.calls("CreateChangeSet").is_empty() && stub.calls("PutObject").is_empty());
}

#[test]
fn an_execution_that_goes_on_is_followed_and_not_ordered_again() {
    let (stub, outcome) = executed(&planned(), &target(), |call| {
        (call.action == "DescribeChangeSet")
            .then(|| set_xml("CREATE_COMPLETE", "", "EXECUTE_IN_PROGRESS", ""))
    });
    assert_eq!(outcome.unwrap().stacks[0].result, StackResult::Updated);
    assert!(stub.calls("ExecuteChangeSet").is_empty());
}

#[test]
fn what_has_moved_is_said_and_nothing_is_executed() {
    fn check(
        words: &str,
        edit: impl Fn(&mut PlanFile, &mut Target),
        script: impl Fn(&Call) -> Option<Reply> + Send + Sync + 'static,
    ) {
        let (mut file, mut at) = (planned(), target());
        edit(&mut file, &mut at);
        let (stub, outcome) = executed(&file, &at, script);
        let error = outcome.unwrap_err();
        let Error::Moved { done, moved } = &error else { panic!("{words}: {error}") };
        assert!(done.is_empty() && moved.len() == 1, "{words}: {error}");
        assert!(error.to_string().contains(words), "{words}: {error}");
        assert!(error.help().unwrap().contains("--prepare"), "{words}");
        assert!(stub.calls("ExecuteChangeSet").is_empty(), "{words}");
    }
    let same = |_: &mut PlanFile, _: &mut Target| {};
    let set = |status: &'static str, execution: &'static str| {
        move |call: &Call| {
            (call.action == "DescribeChangeSet").then(|| set_xml(status, "why", execution, TAGS))
        }
    };
    check("for account `111122223333`", |_, at| at.identity.account = "444455556666".into(), |_| None);
    check("for region `us-east-1`", |_, at| at.region = "eu-west-1".into(), |_| None);
    check("is gone: executed, deleted", same, |call| {
        (call.action == "DescribeChangeSet").then(|| Reply::error(404, "ChangeSetNotFound", "none"))
    });
    check("was executed already", same, set("CREATE_COMPLETE", "EXECUTE_COMPLETE"));
    check("`CREATE_COMPLETE`, `OBSOLETE` (why)", same, set("CREATE_COMPLETE", "OBSOLETE"));
    check("`DELETE_COMPLETE`, `UNAVAILABLE`", same, set("DELETE_COMPLETE", "UNAVAILABLE"));
    check("stack `demo-dev-platform` is gone", same, |call| {
        (call.action == "DescribeStacks").then(|| world::absent(STACK_ID))
    });
    check("was changed at 2026-11-24T09:00:00Z (before: 2026-11-23T20:00:00Z)", same, |call| {
        (call.action == "DescribeStacks").then(|| {
            let stack = stack_xml(STACK, STACK_ID, "UPDATE_COMPLETE", &[]);
            let updated = "</CreationTime><LastUpdatedTime>2026-11-24T09:00:00Z</LastUpdatedTime>";
            Reply::xml("DescribeStacks", &stack.replace("</CreationTime>", updated))
        })
    });
    check("has another template", same, |call| {
        let other = "<TemplateBody>{&quot;Resources&quot;: {&quot;A&quot;: {}}}</TemplateBody>";
        (call.action == "GetTemplate").then(|| Reply::xml("GetTemplate", other))
    });
    check("has other tags", same, |call| {
        (call.action == "DescribeChangeSet").then(|| set_xml("CREATE_COMPLETE", "", "AVAILABLE", ""))
    });
    check(
        "parameter `Size` of `demo-dev-platform` was planned as `3`, and is now `4`",
        |file, _| _ = file.stacks[0].parameters.insert("Size".into(), "3".into()),
        |call| {
            let parameters = "<Parameters><member><ParameterKey>Size</ParameterKey><ParameterValue>4</ParameterValue></member></Parameters>";
            (call.action == "DescribeChangeSet")
                .then(|| set_xml("CREATE_COMPLETE", "", "AVAILABLE", &format!("{TAGS}{parameters}")))
        },
    );
    let sourced = |source: ParameterSource| {
        move |file: &mut PlanFile, _: &mut Target| {
            file.stacks[0].parameters.insert("P".into(), "arn:v1".into());
            file.stacks[0].sources.insert("P".into(), source.clone());
        }
    };
    let with_value = |call: &Call| {
        let parameters = "<Parameters><member><ParameterKey>P</ParameterKey><ParameterValue>arn:v1</ParameterValue></member></Parameters>";
        (call.action == "DescribeChangeSet")
            .then(|| set_xml("CREATE_COMPLETE", "", "AVAILABLE", &format!("{TAGS}{parameters}")))
    };
    let model = "{\"ModelPackageSummaryList\": [{\"ModelPackageArn\": \"arn:v2\", \"ModelPackageStatus\": \"Completed\", \
                 \"CreationTime\": 1, \"ModelApprovalStatus\": \"Approved\"}]}";
    check(
        "`P` of `demo-dev-platform` was planned as `arn:v1`, and is now `arn:v2`",
        sourced(ParameterSource::ApprovedModel { group: "g".into() }),
        move |call| {
            (call.action == "ListModelPackages")
                .then(|| Reply::new(200, "application/x-amz-json-1.1", model))
                .or_else(|| with_value(call))
        },
    );
    check(
        "was planned as `arn:v1`, and has no value now",
        sourced(ParameterSource::Output { template: TemplateKind::Platform, output: "Gone".into() }),
        with_value,
    );
    check("is gone", same, |call| {
        (call.action == "HeadObject").then(|| Reply::new(404, "application/xml", ""))
    });
    check("has another content", same, |call| {
        let mut reply = Reply::new(200, "application/json", "");
        reply.headers.push(("content-length", "1".into()));
        (call.action == "HeadObject").then_some(reply)
    });
}

#[test]
fn a_stack_file_that_has_changed_since_is_named() {
    let file = planned();
    let check = |template: &[u8], stack: &str, want: &[&str]| {
        let assembly = assembly(TemplateKind::Platform, BTreeMap::new(), template);
        let plan = plan(&assembly, &target()).unwrap();
        let moved = against_stack_file(&file, &plan, stack, "dev");
        let told: Vec<String> = moved.iter().map(ToString::to_string).collect();
        assert_eq!(told, want);
    };
    check(TEMPLATE, "demo", &[]);
    check(b"{\"Resources\": {} }", "demo", &[]);
    check(
        br#"{"Resources":{"A":{}}}"#,
        "demo",
        &["the stack file makes another template of `demo-dev-platform`"],
    );
    check(TEMPLATE, "shop", &["it is for `demo/dev`, and the command names `shop/dev`"]);
}

#[test]
fn without_an_artifact_bucket_it_alone_is_prepared() {
    let stub = stub(CREATE, |call| {
        (call.action == "DescribeStacks" && call.param("StackName") == BOOTSTRAP_STACK)
            .then(|| world::absent(BOOTSTRAP_STACK))
            .or_else(|| waits(call))
    });
    let ready = ready(&stub, &assembly(TemplateKind::Platform, BTreeMap::new(), TEMPLATE)).unwrap();
    let names: Vec<_> = ready.stacks.iter().map(|it| (it.name.as_str(), it.made_stack)).collect();
    assert_eq!(names, [(BOOTSTRAP_STACK, true)]);
    assert!(ready.follows[0].name == STACK && ready.follows[0].why.contains("prepare again"), "{ready:?}");
    assert!(stub.calls("PutObject").is_empty() && stub.calls("ExecuteChangeSet").is_empty());
}

#[test]
fn what_needs_an_output_that_is_not_there_yet_follows() {
    let output = ParameterSource::Output { template: TemplateKind::Platform, output: "Later".into() };
    let stub = stub(UPDATE, waits);
    let mut both = assembly(TemplateKind::Platform, BTreeMap::new(), TEMPLATE);
    let mut serving = both.manifest.templates[0].clone();
    serving.kind = TemplateKind::Serving;
    serving.stack_name = "demo-dev-serving".into();
    serving.parameters.insert("P".into(), output);
    both.manifest.templates.push(serving);
    let ready = ready(&stub, &both).unwrap();
    assert_eq!(ready.stacks.len(), 1);
    assert!(ready.follows[0].why.contains("output `Later` of the platform stack"), "{:?}", ready.follows);
}

#[test]
fn a_prepared_plan_is_dropped_with_what_it_made() {
    let check = |script: fn(&Call) -> Option<Reply>, fate: Fate, deleted: usize| {
        let stub = stub(UPDATE, move |call| script(call).or_else(|| waits(call)));
        let file = planned();
        let dropped =
            ask(&stub, async |cloud| discard(&cloud, &file, &target(), &quick(), &mut |_| {}).await);
        assert_eq!(dropped.unwrap()[0].fate, fate);
        assert_eq!(stub.calls("DeleteChangeSet").len(), deleted);
        assert!(stub.calls("DeleteStack").is_empty() && stub.calls("ExecuteChangeSet").is_empty());
    };
    check(|_| None, Fate::Removed, 1);
    check(
        |call| (call.action == "DescribeChangeSet").then(|| Reply::error(404, "ChangeSetNotFound", "none")),
        Fate::Gone,
        0,
    );
    check(
        |call| {
            (call.action == "DescribeChangeSet")
                .then(|| set_xml("CREATE_COMPLETE", "", "EXECUTE_COMPLETE", TAGS))
        },
        Fate::Executed,
        0,
    );
}

#[test]
fn a_preparation_that_fails_leaves_no_change_set() {
    let stub = stub(UPDATE, |call| match call.action.as_str() {
        "CreateChangeSet" if call.param("StackName") != STACK_ID => {
            Some(Reply::error(400, "ValidationError", "Template error"))
        }
        "DescribeStacks" if call.param("StackName") == "demo-dev-serving" => {
            Some(world::absent("demo-dev-serving"))
        }
        _ => waits(call),
    });
    let mut both = assembly(TemplateKind::Platform, BTreeMap::new(), TEMPLATE);
    let mut serving = both.manifest.templates[0].clone();
    serving.kind = TemplateKind::Serving;
    serving.stack_name = "demo-dev-serving".into();
    both.manifest.templates.push(serving);
    assert!(ready(&stub, &both).is_err());
    assert_eq!((stub.calls("CreateChangeSet").len(), stub.calls("DeleteChangeSet").len()), (2, 1));
}
