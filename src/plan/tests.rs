//! Plans from hand-built assemblies.

use super::*;
use crate::synth::{AssemblyFile, AssetEntry, Manifest};

fn file(path: &str, bytes: &[u8]) -> (FileEntry, AssemblyFile) {
    let entry = FileEntry {
        file: path.into(),
        sha256: HEXLOWER.encode(&Sha256::digest(bytes)),
        bytes: bytes.len() as u64,
    };
    (entry, AssemblyFile { path: path.into(), bytes: bytes.to_vec() })
}

fn target() -> Target {
    let identity = Identity {
        account: "111122223333".into(),
        arn: "arn:aws:iam::111122223333:user/a".into(),
        partition: "aws".into(),
    };
    Target { identity, region: "eu-west-1".into() }
}

fn assembly(parameters: &[(&str, ParameterSource)], template: &[u8]) -> Assembly {
    let (archive, archive_file) = file("assets/a.tar.gz", b"archive");
    let (template, template_file) = file("serving.template.json", template);
    let manifest = Manifest {
        version: VERSION,
        smstack: "0.1.0".into(),
        tables: BTreeMap::new(),
        stack: "demo".into(),
        environment: "dev".into(),
        region: None,
        account: None,
        tags: BTreeMap::new(),
        templates: vec![TemplateEntry {
            kind: TemplateKind::Serving,
            stack_name: "demo-dev-serving".into(),
            file: template,
            key: "templates/demo/dev/x.template.json".into(),
            capabilities: Vec::new(),
            parameters: parameters
                .iter()
                .map(|(name, source)| ((*name).to_owned(), source.clone()))
                .collect(),
            service_role_output: Some("Role".into()),
            settings: crate::synth::Settings::default(),
        }],
        definition: None,
        assets: vec![AssetEntry { file: archive, key: "assets/a.tar.gz".into(), source: "code".into() }],
        datasets: Vec::new(),
    };
    Assembly { manifest, files: vec![archive_file, template_file], owners: BTreeMap::new() }
}

#[test]
fn another_account_or_region_is_refused_and_both_are_named() {
    let mut assembly = assembly(&[], b"{}");
    assembly.manifest.account = Some("444455556666".into());
    let error = plan(&assembly, &target()).unwrap_err().to_string();
    assert!(error.contains("444455556666") && error.contains("111122223333"), "{error}");

    assembly.manifest.account = Some("111122223333".into());
    assembly.manifest.region = Some("us-east-1".into());
    let error = plan(&assembly, &target()).unwrap_err().to_string();
    assert!(error.contains("us-east-1") && error.contains("eu-west-1"), "{error}");

    assembly.manifest.region = Some("eu-west-1".into());
    assert!(plan(&assembly, &target()).is_ok());
}

#[test]
fn an_assembly_that_is_not_whole_is_refused() {
    let mut changed = assembly(&[], b"{}");
    changed.files[0].bytes.push(0);
    assert_eq!(plan(&changed, &target()).unwrap_err(), Error::FileChanged { file: "assets/a.tar.gz".into() });
    let mut missing = assembly(&[], b"{}");
    missing.files.remove(0);
    assert_eq!(plan(&missing, &target()).unwrap_err(), Error::FileMissing { file: "assets/a.tar.gz".into() });
    let mut later = assembly(&[], b"{}");
    later.manifest.version = VERSION + 1;
    assert_eq!(plan(&later, &target()).unwrap_err(), Error::Version { found: VERSION + 1 });
}

#[test]
fn a_template_over_the_limit_goes_by_url_in_the_partitions_own_domain() {
    let edge = vec![b' '; 51_200];
    let inline = plan(&assembly(&[], &edge), &target()).unwrap();
    assert!(matches!(inline.stacks[0].template, TemplateSource::Body(_)));
    let over = vec![b' '; 51_201];
    let mut china = target();
    china.identity.partition = "aws-cn".into();
    china.region = "cn-north-1".into();
    let by_url = plan(&assembly(&[], &over), &china).unwrap();
    assert_eq!(
        by_url.stacks[0].template,
        TemplateSource::Url(
            "https://s3.cn-north-1.amazonaws.com.cn/smstack-artifacts-111122223333-cn-north-1/templates/demo/dev/x.template.json"
                .into()
        )
    );
    assert_eq!(by_url.uploads.len(), 2);
}

#[test]
fn parameters_come_from_facts_or_the_stack_waits() {
    let field = "DriftCheckBaselines.ModelDataQuality.Statistics.S3Uri";
    let assembly = assembly(
        &[
            ("Bucket", ParameterSource::ArtifactBucket),
            ("Key", ParameterSource::Output { template: TemplateKind::Platform, output: "KeyArn".into() }),
            ("Model", ParameterSource::ApprovedModel { group: "g".into() }),
            ("Statistics", ParameterSource::ApprovedModelField { group: "g".into(), path: field.into() }),
            (
                "None",
                ParameterSource::ApprovedModelField {
                    group: "g".into(),
                    path: "ModelMetrics.Bias.Report.S3Uri".into(),
                },
            ),
        ],
        b"{}",
    );
    let plan = plan(&assembly, &target()).unwrap();
    let entry = &plan.stacks[0].entry;
    assert_eq!(Plan::groups(entry).into_iter().collect::<Vec<_>>(), ["g"]);

    let mut facts = Facts::default();
    assert!(matches!(plan.resolve(entry, &facts), Err(Error::NoOutput { .. })));
    let outputs =
        BTreeMap::from([("KeyArn".to_owned(), "arn:k".to_owned()), ("Role".to_owned(), "arn:r".to_owned())]);
    facts.outputs.insert(TemplateKind::Platform, outputs);
    let Ok(Readiness::Waiting(waiting)) = plan.resolve(entry, &facts) else { panic!("not waiting") };
    let Waiting::ApprovedModel { group, named } = waiting;
    assert_eq!(
        Waiting::ApprovedModel { group: group.clone(), named: named.clone() }.to_string(),
        "no approved model in group `g`: `smstack models demo --env dev` lists its versions, `smstack approve demo \
         VERSION --env dev --group g` approves one; then deploy again"
    );
    let named = Named { local: true, place: " --region eu-west-1".into(), ..named };
    let told = Waiting::ApprovedModel { group, named: named.clone() }.to_string();
    assert!(told.contains("`smstack models demo --env dev --local --region eu-west-1`"), "{told}");
    assert_eq!(named.run(), "smstack run demo --env dev --local-cloud --region eu-west-1");

    let fields = BTreeMap::from([(field.to_owned(), "s3://b/statistics.json".to_owned())]);
    facts.approved.insert("g".into(), Some(ModelPackage { arn: "arn:m".into(), fields }));
    let Ok(Readiness::Ready(values)) = plan.resolve(entry, &facts) else { panic!("not ready") };
    let values: Vec<_> = values.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(
        values,
        [
            ("Bucket", "smstack-artifacts-111122223333-eu-west-1"),
            ("Key", "arn:k"),
            ("Model", "arn:m"),
            ("None", ""),
            ("Statistics", "s3://b/statistics.json"),
        ]
    );
    assert_eq!(plan.service_role(entry, &facts), Ok(Some("arn:r".into())));
}
