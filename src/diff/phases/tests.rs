use super::*;

fn template() -> Value {
    json!({
        "Parameters": { "Size": { "Type": "String" } },
        "Resources": {
            "Config": { "Type": "AWS::SageMaker::EndpointConfig", "Properties": { "ProductionVariants": [
                { "VariantName": "A", "InstanceType": { "Ref": "Size" }, "InitialInstanceCount": 2 },
                { "VariantName": "B", "InstanceType": "ml.c5.large", "InitialInstanceCount": 1 },
            ] } },
            "Endpoint": { "Type": ENDPOINT, "Properties": {
                "EndpointName": "e",
                "EndpointConfigName": { "Fn::GetAtt": ["Config", "EndpointConfigName"] },
            } },
            "Target": { "Type": TARGET, "Properties": {
                "ResourceId": { "Fn::Sub": "endpoint/${Endpoint.EndpointName}/variant/A" },
            } },
            "Other": { "Type": TARGET, "Properties": { "ResourceId": "endpoint/e/variant/B" } },
            "Steps": { "Type": POLICY, "Properties": { "ScalingTargetId": { "Ref": "Target" } } },
            "Named": { "Type": POLICY, "DependsOn": ["Target", "Endpoint"], "Properties": {
                "ResourceId": { "Fn::Sub": "endpoint/${Endpoint.EndpointName}/variant/A" },
            } },
            "Alarm": { "Type": "AWS::CloudWatch::Alarm", "DependsOn": "Steps", "Properties": {
                "AlarmActions": [{ "Ref": "Steps" }, "arn:topic"],
            } },
        },
        "Outputs": {
            "Scaling": { "Value": { "Ref": "Target" } },
            "Name": { "Value": { "Fn::GetAtt": ["Endpoint", "EndpointName"] } },
        },
    })
}

fn values(size: &str) -> BTreeMap<String, String> {
    BTreeMap::from([("Size".to_owned(), size.to_owned())])
}

/// The wanted template, changed by `edit`, and what has to go first.
fn check(edit: impl Fn(&mut Value), size: &str, removed: &[&str], why: &[&str]) {
    let (deployed, mut wanted) = (template(), template());
    edit(&mut wanted);
    let step = first_step(&deployed, &values("ml.c5.xlarge"), &wanted, &values(size)).unwrap();
    let Some(step) = step else {
        assert!(removed.is_empty(), "one step: {wanted:#}");
        return;
    };
    assert_eq!(step.removed.keys().map(String::as_str).collect::<Vec<_>>(), removed);
    assert_eq!(step.variants.iter().map(|it| it.why.as_str()).collect::<Vec<_>>(), why);
    for id in removed {
        assert_eq!(resource(&step.template, id), None);
        assert!(!refers(&step.template["Resources"], id), "{:#}", step.template);
    }
    assert_eq!(noted_capacity(&step.template), Some(BTreeMap::new()));
    assert_eq!(restored(&step.template), Some(deployed));
}

const OF_A: &[&str] = &["Named", "Steps", "Target"];

#[test]
fn scaling_goes_first_only_where_sagemaker_refuses_otherwise() {
    let change = |path: &'static str, value: Value| {
        move |template: &mut Value| *template.pointer_mut(path).unwrap() = value.clone()
    };
    check(|_| {}, "ml.c5.xlarge", &[], &[]);
    check(|_| {}, "ml.m5.xlarge", OF_A, &["its instance type changes from ml.c5.xlarge to ml.m5.xlarge"]);
    let variant = "/Resources/Config/Properties/ProductionVariants/0";
    check(
        change(variant, json!({ "VariantName": "C", "InstanceType": "ml.c5.xlarge" })),
        "ml.c5.xlarge",
        OF_A,
        &["it is removed"],
    );
    let serverless = json!({ "VariantName": "A", "ServerlessConfig": {} });
    check(
        change(variant, serverless),
        "",
        OF_A,
        &["its instance type changes from ml.c5.xlarge to no instance"],
    );
    let count = json!({ "VariantName": "A", "InstanceType": "ml.c5.xlarge", "InitialInstanceCount": 9 });
    check(change(variant, count), "ml.c5.xlarge", &[], &[]);
    // A new endpoint has variants that nobody has registered.
    check(change("/Resources/Endpoint/Properties/EndpointName", json!("other")), "ml.m5.xlarge", &[], &[]);
    check(
        |template| drop(template["Resources"].as_object_mut().unwrap().remove("Endpoint")),
        "ml.m5.xlarge",
        &[],
        &[],
    );
    let other = "/Resources/Config/Properties/ProductionVariants/1/InstanceType";
    check(
        change(other, json!("ml.c5.2xlarge")),
        "ml.c5.xlarge",
        &["Other"],
        &["its instance type changes from ml.c5.large to ml.c5.2xlarge"],
    );
}

#[test]
fn what_stays_does_without_what_scales_for_a_while() {
    let step = first_step(&template(), &values("a"), &template(), &values("b")).unwrap().unwrap();
    let alarm = resource(&step.template, "Alarm").unwrap();
    assert_eq!(alarm["Properties"]["AlarmActions"], json!(["arn:topic"]));
    assert_eq!(alarm.get("DependsOn"), None);
    assert_eq!(step.template["Outputs"].as_object().unwrap().len(), 1);

    let mut deployed = template();
    deployed["Resources"]["Alarm"]["Properties"]["AlarmDescription"] = json!({ "Ref": "Target" });
    let error = first_step(&deployed, &values("a"), &template(), &values("b")).unwrap_err();
    assert_eq!(error, Entangled { resource: "Target".into(), user: "Alarm".into() });
}

#[test]
fn capacity_is_noted_in_the_template_itself() {
    let mut step =
        first_step(&template(), &values("a"), &template(), &values("b")).unwrap().unwrap().template;
    let capacity = BTreeMap::from([("Endpoint".to_owned(), BTreeMap::from([("A".to_owned(), 5)]))]);
    note_capacity(&mut step, &capacity);
    assert_eq!(noted_capacity(&step), Some(capacity));
    assert_eq!(restored(&step), Some(template()));
    // What is marked needs no first step of its own: nothing of it is registered any more.
    assert_eq!(first_step(&step, &values("a"), &template(), &values("b")), Ok(None));
    assert_eq!((noted_capacity(&template()), restored(&template())), (None, None));
}
