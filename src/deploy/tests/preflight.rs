//! What an account lacks, over the wire.

use std::collections::BTreeSet;

use super::life::ask;
use super::*;
use crate::plan::{Need, Needs};

fn json(status: u16, body: &str) -> Reply {
    Reply::new(status, "application/x-amz-json-1.1", body)
}

/// An account with one role, one image, two pages of quotas and two types of SageMaker.
fn account() -> Stub {
    stub(CREATE, |call| match call.action.as_str() {
        "GetResource" if call.param("Identifier") == "Jobs" => {
            let resource = r#"{"TypeName":"AWS::IAM::Role","ResourceDescription":{"Identifier":"Jobs"}}"#;
            Some(json(200, resource))
        }
        "GetResource" if call.param("Identifier") == "subnet-1" => {
            Some(json(400, r#"{"__type":"ResourceNotFoundException","Message":"no such subnet"}"#))
        }
        "GetResource" => Some(json(400, r#"{"__type":"AccessDeniedException","Message":"not for you"}"#)),
        "DescribeImages" if call.param("repositoryName") == "there" => {
            Some(json(200, r#"{"imageDetails":[]}"#))
        }
        "DescribeImages" => {
            Some(json(400, r#"{"__type":"ImageNotFoundException","message":"no such image"}"#))
        }
        "ListServiceQuotas" => Some(if call.param("NextToken") == "2" {
            let quota = r#"{"Quotas":[{"QuotaName":"ml.c5.xlarge for endpoint usage","Value":1}]}"#;
            json(200, quota)
        } else {
            let quota = r#"{"QuotaName":"ml.m5.xlarge for processing job usage","Value":8}"#;
            json(200, &format!(r#"{{"Quotas":[{quota}],"NextToken":"2"}}"#))
        }),
        "ListTypes" => {
            let member = |name: &str| format!("<member><TypeName>{name}</TypeName></member>");
            let members = ["AWS::SageMaker::Model", "AWS::SageMaker::Endpoint"].map(member).concat();
            Some(Reply::xml("ListTypes", &format!("<TypeSummaries>{members}</TypeSummaries>")))
        }
        _ => None,
    })
}

fn found(needs: &[Need]) -> (Vec<Answer>, Stub) {
    let stub = account();
    let needs: Needs = needs.iter().map(|need| (need.clone(), BTreeSet::from(["A".to_owned()]))).collect();
    let looked = ask(&stub, async |cloud| preflight(&cloud, &needs).await);
    assert!(looked.iter().map(|it| &it.need).eq(needs.keys()));
    (looked.into_iter().map(|it| it.found).collect(), stub)
}

#[test]
fn what_is_missing_is_told_from_what_cannot_be_asked() {
    let resource = |kind, identifier: &str| Need::Resource { kind, identifier: identifier.to_owned() };
    let check = |need: Need, expected: fn(&Answer) -> bool| {
        let (found, _) = found(std::slice::from_ref(&need));
        assert!(expected(&found[0]), "{need:?}: {found:?}");
    };
    check(resource("AWS::IAM::Role", "Jobs"), |it| *it == Answer::There);
    check(resource("AWS::EC2::Subnet", "subnet-1"), |it| *it == Answer::Missing);
    let denied = |it: &Answer| matches!(it, Answer::Unasked(why) if why.contains("not for you"));
    check(resource("AWS::KMS::Key", "k"), denied);
    let image = |repository: &str| Need::Image {
        registry: "111122223333".into(),
        repository: repository.into(),
        version: "3".into(),
    };
    check(image("there"), |it| *it == Answer::There);
    check(image("gone"), |it| *it == Answer::Missing);
    check(Need::Type("AWS::SageMaker::Model".into()), |it| *it == Answer::There);
    check(Need::Type("AWS::SageMaker::Unheard".into()), |it| *it == Answer::Missing);
    let quota = |name: &str, instances| Need::Quota { name: name.into(), instances };
    check(quota("ml.c5.xlarge for endpoint usage", 2), |it| *it == Answer::Less(1.0));
    check(quota("ml.m5.xlarge for processing job usage", 8), |it| *it == Answer::There);
    check(quota("ml.x1 for endpoint usage", 1), |it| matches!(it, Answer::Unasked(_)));
    check(Need::ModelMonitor, |it| matches!(it, Answer::Unasked(_)));
}

#[test]
fn each_question_is_asked_once() {
    let types = ["Model", "Endpoint", "Pipeline"].map(|it| Need::Type(format!("AWS::SageMaker::{it}")));
    let quotas = [1, 2].map(|instances| Need::Quota { name: format!("q{instances}"), instances });
    let (_, stub) = found(&[types.as_slice(), quotas.as_slice()].concat());
    assert_eq!((stub.calls("ListTypes").len(), stub.calls("ListServiceQuotas").len()), (1, 2));
}
