//! Uploads, and the approved model that serving waits for.

use super::*;

#[test]
fn a_large_file_arrives_whole() {
    let stub = stub(UPDATE, |_| None);
    let (outcome, _) =
        run_with(&stub.url, &assembly(TemplateKind::Platform, BTreeMap::new(), &vec![b' '; 7_000_000]), true);
    assert_eq!(outcome.unwrap().uploaded, 1);
    assert_eq!(stub.calls("PutObject")[0].bytes, 7_000_000);
}

#[test]
fn an_upload_that_fails_names_its_file_and_one_that_is_there_is_skipped() {
    let stub_there = stub(UPDATE, |call| {
        (call.action == "HeadObject").then(|| {
            let mut reply = Reply::new(200, "application/json", "");
            reply.headers.push(("content-length", TEMPLATE.len().to_string()));
            reply
        })
    });
    let outcome = run(&stub_there).0.unwrap();
    assert_eq!((outcome.uploaded, outcome.skipped), (0, 1));
    assert!(stub_there.calls("PutObject").is_empty());

    let denied = stub(UPDATE, |call| {
        (call.action == "PutObject").then(|| {
            Reply::new(
                403,
                "application/xml",
                "<Error><Code>AccessDenied</Code><Message>no</Message></Error>",
            )
        })
    });
    let error = run(&denied).0.unwrap_err();
    assert!(
        matches!(&error, Error::Upload { file, source, .. } if file == "platform.template.json" && source.kind == ErrorKind::AccessDenied),
        "{error}"
    );

    // The first answer is lost after the object arrived; the second attempt meets our own object.
    let raced = stub(UPDATE, |call| match (call.action.as_str(), call.nth) {
        ("PutObject", _) => {
            Some(Reply::new(412, "application/xml", "<Error><Code>PreconditionFailed</Code></Error>"))
        }
        ("HeadObject", 1..) => {
            let mut reply = Reply::new(200, "application/json", "");
            reply.headers.push(("content-length", TEMPLATE.len().to_string()));
            Some(reply)
        }
        _ => None,
    });
    assert_eq!(run(&raced).0.unwrap().skipped, 1);

    let damaged = stub(UPDATE, |call| {
        (call.action == "HeadObject" && call.nth > 0).then(|| {
            let mut reply = Reply::new(200, "application/json", "");
            reply.headers.push(("content-length", "1".into()));
            reply
        })
    });
    assert!(matches!(run(&damaged).0.unwrap_err(), Error::Checksum { .. }));
}

#[test]
fn serving_waits_for_an_approved_model_and_takes_the_newest_from_any_page() {
    let parameters = || {
        BTreeMap::from([
            ("Model".to_owned(), ParameterSource::ApprovedModel { group: "g".into() }),
            (
                "Statistics".to_owned(),
                ParameterSource::ApprovedModelField {
                    group: "g".into(),
                    path: "DriftCheckBaselines.ModelDataQuality.Statistics.S3Uri".into(),
                },
            ),
            (
                "Report".to_owned(),
                ParameterSource::ApprovedModelField {
                    group: "g".into(),
                    path: "ModelMetrics.Bias.Report.S3Uri".into(),
                },
            ),
        ])
    };
    let json = |body: &str| Reply::new(200, "application/x-amz-json-1.1", body);
    let none = stub(CREATE, move |call| {
        (call.action == "ListModelPackages").then(|| json(r#"{"ModelPackageSummaryList":[]}"#))
    });
    let (outcome, _) = run_with(&none.url, &assembly(TemplateKind::Serving, parameters(), TEMPLATE), true);
    assert_eq!(outcome.as_ref().unwrap().verdict(), Verdict::Done);
    let StackResult::Waiting(Waiting::ApprovedModel { group, .. }) = result(outcome) else {
        panic!("not waiting")
    };
    assert_eq!(group, "g");
    assert!(none.calls("CreateChangeSet").is_empty());
    let no_group = stub(CREATE, move |call| {
        let body = r#"{"__type":"ValidationException","message":"ModelPackageGroup g does not exist."}"#;
        (call.action == "ListModelPackages").then(|| Reply::new(400, "application/x-amz-json-1.1", body))
    });
    let (outcome, _) =
        run_with(&no_group.url, &assembly(TemplateKind::Serving, parameters(), TEMPLATE), true);
    assert!(matches!(result(outcome), StackResult::Waiting(_)));

    let some = stub(CREATE, move |call| match (call.action.as_str(), call.param("NextToken")) {
        ("ListModelPackages", "") => Some(json(r#"{"ModelPackageSummaryList":[],"NextToken":"2"}"#)),
        ("ListModelPackages", _) => Some(json(
            r#"{"ModelPackageSummaryList":[{"ModelPackageArn":"arn:m/2","ModelPackageVersion":2,"CreationTime":1,"ModelPackageStatus":"Completed","ModelApprovalStatus":"Approved"}]}"#,
        )),
        ("DescribeModelPackage", _) => Some(json(
            r#"{"ModelPackageName":"g","ModelPackageArn":"arn:m/2","CreationTime":1,"ModelPackageStatus":"Completed","ModelPackageStatusDetails":{"ValidationStatuses":[]},"DriftCheckBaselines":{"ModelDataQuality":{"Statistics":{"ContentType":"application/json","S3Uri":"s3://b/s.json"}}}}"#,
        )),
        _ => None,
    });
    let (outcome, _) = run_with(&some.url, &assembly(TemplateKind::Serving, parameters(), TEMPLATE), true);
    assert_eq!(result(outcome), StackResult::Created);
    let sent = &some.calls("CreateChangeSet")[0];
    let parameter = |n: u32| {
        let of = |what: &str| sent.param(&format!("Parameters.member.{n}.{what}")).to_owned();
        (of("ParameterKey"), of("ParameterValue"))
    };
    assert_eq!(parameter(1), ("Model".into(), "arn:m/2".into()));
    assert_eq!(parameter(2), ("Report".into(), String::new()));
    assert_eq!(parameter(3), ("Statistics".into(), "s3://b/s.json".into()));
    let asked = &some.calls("ListModelPackages")[0];
    assert_eq!((asked.param("ModelApprovalStatus"), asked.param("SortOrder")), ("Approved", "Descending"));
}
