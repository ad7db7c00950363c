//! What the reference workload says arrives in what is rendered: each statement is looked up where AWS reads it, and
//! none is left over.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::project;

/// The stack file, and what of it has been looked up.
struct Said {
    all: Value,
    seen: RefCell<BTreeSet<String>>,
}

impl Said {
    /// What stands there; from now on it counts as looked up.
    fn at(&self, pointer: &str) -> &Value {
        let value = self.all.pointer(pointer).unwrap_or_else(|| panic!("the stack file says no {pointer}"));
        leaves(pointer, value, &mut self.seen.borrow_mut());
        value
    }

    fn text(&self, pointer: &str) -> String {
        self.at(pointer).as_str().unwrap().to_owned()
    }

    /// The entries of a mapping, without looking at them yet.
    fn names(&self, pointer: &str) -> Vec<String> {
        let map = self.all.pointer(pointer).and_then(Value::as_object);
        map.map(|map| map.keys().cloned().collect()).unwrap_or_default()
    }

    fn left(&self) -> Vec<String> {
        let mut all = BTreeSet::new();
        leaves("", &self.all, &mut all);
        all.difference(&self.seen.borrow()).cloned().collect()
    }
}

fn leaves(pointer: &str, value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                leaves(&format!("{pointer}/{key}"), member, into);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                leaves(&format!("{pointer}/{index}"), item, into);
            }
        }
        _ => drop(into.insert(pointer.to_owned())),
    }
}

/// `4h` in seconds, `30GB`, `90d` as days, `10%`: the number, and the number in seconds.
fn number(text: &str) -> (u64, u64) {
    let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
    let number: u64 = digits.parse().unwrap();
    let unit = match &text[digits.len()..] {
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => 1,
    };
    (number, number * unit)
}

/// What was rendered for one environment.
struct Rendered {
    env: String,
    manifest: Value,
    definition: Value,
    platform: Value,
    serving: Value,
}

impl Rendered {
    fn read(env: &str, at: &Path) -> Rendered {
        let json = |name: &str| serde_json::from_slice(&fs::read(at.join(name)).unwrap()).unwrap();
        Rendered {
            env: env.to_owned(),
            manifest: json("manifest.json"),
            definition: json("pipeline.json"),
            platform: json("platform.template.json"),
            serving: json("serving.template.json"),
        }
    }

    /// Properties of all resources of a type, in both templates.
    fn all(&self, kind: &str) -> Vec<&Value> {
        let templates = [&self.platform, &self.serving];
        let resources = templates.into_iter().flat_map(|one| one["Resources"].as_object().unwrap().values());
        resources.filter(|one| one["Type"] == kind).map(|one| &one["Properties"]).collect()
    }

    fn only(&self, kind: &str) -> &Value {
        let [one] = self.all(kind)[..] else { panic!("not one {kind}") };
        one
    }

    /// The step of that name, wherever it is.
    fn step(&self, name: &str) -> &Value {
        fn find<'a>(steps: &'a Value, name: &str) -> Option<&'a Value> {
            steps.as_array()?.iter().find_map(|step| {
                let arguments = &step["Arguments"];
                (step["Name"] == name)
                    .then_some(step)
                    .or_else(|| find(&arguments["IfSteps"], name))
                    .or_else(|| find(&arguments["ElseSteps"], name))
            })
        }
        find(&self.definition["Steps"], name).unwrap_or_else(|| panic!("no step {name}"))
    }

    fn fixed(&self, name: &str) -> String {
        format!("{name}-{}", self.env)
    }
}

fn by<'a>(list: &'a Value, key: &str, value: &str) -> &'a Value {
    let found = list.as_array().and_then(|list| list.iter().find(|one| one[key] == value));
    found.unwrap_or_else(|| panic!("nothing with {key} {value} in {list}"))
}

fn has(value: &Value, part: &str) {
    assert!(value.to_string().contains(part), "{part} is not in {value}");
}

/// Data that a step reads: what the reference becomes.
fn source(reference: &str, said: &Said, uri: &Value) {
    match reference.split_once('.') {
        Some((_, "best_model")) => has(uri, "TrainingJobSummaries[0].TrainingJobName"),
        Some((step, output)) => {
            let wanted = format!("Steps.{step}.ProcessingOutputConfig.Outputs['{output}'].S3Output.S3Uri");
            assert_eq!(uri["Get"], wanted.as_str());
        }
        None => has(uri, &said.text(&format!("/data_lake/datasets/{reference}/prefix"))),
    }
}

fn image(place: &str, said: &Said, uri: &Value) {
    let repository = match said.text(&format!("{place}/framework")).as_str() {
        "sklearn" => "sagemaker-scikit-learn".to_owned(),
        other => other.to_owned(),
    };
    has(uri, &repository);
    for key in said.names(place).iter().filter(|key| *key != "framework") {
        has(uri, &said.text(&format!("{place}/{key}")));
    }
}

fn lake(said: &Said, out: &Rendered) {
    assert_eq!(said.text("/data_lake/encryption"), "kms");
    assert_eq!(out.only("AWS::KMS::Key")["EnableKeyRotation"], true);
    for name in said.names("/data_lake/buckets") {
        let place = format!("/data_lake/buckets/{name}");
        let capital = name[..1].to_uppercase() + &name[1..];
        let bucket = &out.platform["Resources"][format!("{capital}Bucket")]["Properties"];
        has(&bucket["BucketEncryption"], "aws:kms");
        if said.at(&format!("{place}/versioned")) == true {
            assert_eq!(bucket["VersioningConfiguration"]["Status"], "Enabled");
        }
        if said.names(&place).contains(&"expire_noncurrent".to_owned()) {
            let days = number(&said.text(&format!("{place}/expire_noncurrent"))).0;
            has(&bucket["LifecycleConfiguration"], &format!("\"NoncurrentDays\":{days}"));
        }
    }
    for name in said.names("/data_lake/datasets") {
        let bucket = said.text(&format!("/data_lake/datasets/{name}/bucket"));
        let prefix = said.text(&format!("/data_lake/datasets/{name}/prefix"));
        let capital = bucket[..1].to_uppercase() + &bucket[1..];
        has(&out.definition, &format!("s3://${{{capital}Bucket}}/{prefix}"));
        if said.at(&format!("/data_lake/datasets/{name}/versions")) == true {
            let parameter = format!("{name}-version");
            assert_eq!(by(&out.definition["Parameters"], "Name", &parameter)["DefaultValue"], "latest");
            has(
                &out.definition,
                &format!(
                    "[\"s3://${{{capital}Bucket}}/{prefix}manifests/\",{{\"Get\":\"Parameters.{parameter}\"}},\".json\"]"
                ),
            );
            has(
                &out.definition,
                &format!("\"smstack:dataset:{name}\":{{\"Get\":\"Parameters.{parameter}\"}}"),
            );
        }
    }
}

fn parameters(said: &Said, out: &Rendered) {
    for name in said.names("/parameters") {
        let entry = by(&out.definition["Parameters"], "Name", &name);
        match said.at(&format!("/parameters/{name}")) {
            Value::Object(long) => {
                assert_eq!(entry["DefaultValue"], long["default"]);
                assert_eq!(entry["EnumValues"], long["enum"]);
            }
            default => assert_eq!(&entry["DefaultValue"], default),
        }
    }
}

fn processing(said: &Said, out: &Rendered) {
    for name in said.names("/processing") {
        let place = format!("/processing/{name}");
        let step = out.step(&name);
        let request = &step["Arguments"];
        image(&format!("{place}/image"), said, &request["AppSpecification"]["ImageUri"]);
        let cluster = &request["ProcessingResources"]["ClusterConfig"];
        let instance = said.at(&format!("{place}/instance"));
        assert_eq!(cluster["InstanceType"], instance["type"]);
        assert_eq!(cluster["InstanceCount"], instance.get("count").unwrap_or(&json!(1)).clone());
        let volume = instance.get("volume").and_then(Value::as_str).unwrap_or("30GB");
        assert_eq!(cluster["VolumeSizeInGB"], number(volume).0);
        let code = said.text(&format!("{place}/code"));
        by(&out.manifest["assets"], "source", &code);
        let file = code.rsplit('/').next().unwrap();
        has(&by(&request["ProcessingInputs"], "InputName", "code")["S3Input"]["S3Uri"], file);
        has(&request["AppSpecification"]["ContainerEntrypoint"], file);
        for input in said.names(&format!("{place}/inputs")) {
            let here = &by(&request["ProcessingInputs"], "InputName", &input)["S3Input"];
            source(&said.text(&format!("{place}/inputs/{input}/from")), said, &here["S3Uri"]);
            assert_eq!(&here["LocalPath"], said.at(&format!("{place}/inputs/{input}/to")));
        }
        for output in said.names(&format!("{place}/outputs")) {
            let here = by(&request["ProcessingOutputConfig"]["Outputs"], "OutputName", &output);
            assert_eq!(&here["S3Output"]["LocalPath"], said.at(&format!("{place}/outputs/{output}")));
        }
        for report in said.names(&format!("{place}/reports")) {
            let file = by(&step["PropertyFiles"], "PropertyFileName", &report);
            assert_eq!(&file["OutputName"], said.at(&format!("{place}/reports/{report}/output")));
            assert_eq!(&file["FilePath"], said.at(&format!("{place}/reports/{report}/file")));
        }
    }
}

fn training_and_tuning(said: &Said, out: &Rendered) {
    let request = &out.step("search")["Arguments"];
    let (config, job) = (&request["HyperParameterTuningJobConfig"], &request["TrainingJobDefinition"]);
    let place = format!("/training/{}", said.text("/tuning/search/training"));
    let at = |key: &str| format!("{place}/{key}");
    image(&at("image"), said, &job["AlgorithmSpecification"]["TrainingImage"]);
    by(&out.manifest["assets"], "source", &said.text(&at("source/dir")));
    let fixed = &job["StaticHyperParameters"];
    assert_eq!(fixed["sagemaker_program"], json!(said.at(&at("source/entry")).to_string()));
    assert_eq!(&job["HyperParameterTuningResourceConfig"]["InstanceType"], said.at(&at("instance/type")));
    assert_eq!(&job["HyperParameterTuningResourceConfig"]["InstanceCount"], said.at(&at("instance/count")));
    assert_eq!(said.text(&at("distribution")), "parameter_server");
    assert_eq!(fixed["sagemaker_parameter_server_enabled"], "true");
    let stopping = &job["StoppingCondition"];
    assert_eq!(job["EnableManagedSpotTraining"], true);
    assert_eq!(stopping["MaxWaitTimeInSeconds"], number(&said.text(&at("spot/max_wait"))).1);
    assert_eq!(stopping["MaxRuntimeInSeconds"], number(&said.text(&at("max_runtime"))).1);
    assert_eq!(job["CheckpointConfig"].is_object(), said.at(&at("spot/checkpoints")) == true);
    let ranges = said.names("/tuning/search/ranges");
    for name in said.names(&at("hyperparameters")) {
        let value = said.at(&at(&format!("hyperparameters/{name}")));
        let wanted = if ranges.contains(&name) { Value::Null } else { json!(value.to_string()) };
        assert_eq!(fixed[&name], wanted, "{name}");
    }
    for name in said.names(&at("metrics")) {
        let metric = by(&job["AlgorithmSpecification"]["MetricDefinitions"], "Name", &name);
        assert_eq!(&metric["Regex"], said.at(&at(&format!("metrics/{name}"))));
    }
    for name in said.names(&at("channels")) {
        let channel = by(&job["InputDataConfig"], "ChannelName", &name);
        let uri = &channel["DataSource"]["S3DataSource"]["S3Uri"];
        source(&said.text(&at(&format!("channels/{name}"))), said, uri);
    }
    let strategy = said.text("/tuning/search/strategy");
    assert_eq!(config["Strategy"].as_str().unwrap().to_lowercase(), strategy);
    let objective = &config["HyperParameterTuningJobObjective"];
    assert_eq!(&objective["MetricName"], said.at("/tuning/search/objective/maximize"));
    assert_eq!(objective["Type"], "Maximize");
    assert_eq!(&config["ResourceLimits"]["MaxNumberOfTrainingJobs"], said.at("/tuning/search/jobs/max"));
    assert_eq!(&config["ResourceLimits"]["MaxParallelTrainingJobs"], said.at("/tuning/search/jobs/parallel"));
    for name in ranges {
        let range = said.at(&format!("/tuning/search/ranges/{name}"));
        let (key, bounds) = match range.get("integer") {
            Some(bounds) => ("IntegerParameterRanges", bounds),
            None => ("ContinuousParameterRanges", &range["continuous"]),
        };
        let here = by(&config["ParameterRanges"][key], "Name", &name);
        assert_eq!(here["MinValue"], json!(bounds[0].to_string()));
        assert_eq!(here["MaxValue"], json!(bounds[1].to_string()));
        let scale = range.get("scale").and_then(Value::as_str).unwrap_or("auto");
        assert_eq!(here["ScalingType"].as_str().unwrap().to_lowercase(), scale);
    }
}

fn registry(said: &Said, out: &Rendered) {
    for name in said.names("/registry") {
        let group = out.only("AWS::SageMaker::ModelPackageGroup");
        assert_eq!(group["ModelPackageGroupName"], json!(out.fixed(&name)));
        let description = said.at(&format!("/registry/{name}/description"));
        assert_eq!(&group["ModelPackageGroupDescription"], description);
        assert_eq!(said.text(&format!("/registry/{name}/on_approval")), "deploy");
        let rules = out.all("AWS::Events::Rule");
        let approval =
            rules.iter().find(|rule| rule["EventPattern"]["detail"]["ModelApprovalStatus"].is_array());
        has(&approval.unwrap()["EventPattern"], &out.fixed(&name));
        assert_eq!(approval.unwrap()["Targets"][0]["Arn"], json!({ "Ref": "ServingRollout" }));
    }
}

fn pipeline(said: &Said, out: &Rendered) {
    let resource = out.only("AWS::SageMaker::Pipeline");
    assert_eq!(resource["PipelineName"], json!(out.fixed(&said.text("/name"))));
    let parallel = &resource["ParallelismConfiguration"]["MaxParallelExecutionSteps"];
    assert_eq!(parallel, said.at("/pipeline/max_parallel"));
    let cache = format!("P{}D", number(&said.text("/pipeline/cache")).0);
    for step in out.definition["Steps"].as_array().unwrap() {
        if step["Type"] != "Condition" {
            assert_eq!(
                step["CacheConfig"],
                json!({ "Enabled": true, "ExpireAfter": cache }),
                "{}",
                step["Name"]
            );
        }
    }
    let schedule = out.only("AWS::Scheduler::Schedule");
    assert_eq!(&schedule["ScheduleExpression"], said.at("/pipeline/triggers/schedule"));
    let rules = out.all("AWS::Events::Rule");
    let rule = |source: &str| *rules.iter().find(|rule| rule["EventPattern"]["source"][0] == source).unwrap();
    let dataset = said.text("/pipeline/triggers/on_new_data");
    has(&rule("aws.s3")["EventPattern"], &said.text(&format!("/data_lake/datasets/{dataset}/prefix")));
    let bucket = &rule("aws.s3")["EventPattern"]["detail"]["bucket"]["name"][0]["Ref"];
    let notifying = &out.platform["Resources"][bucket.as_str().unwrap()]["Properties"];
    assert_eq!(
        notifying["NotificationConfiguration"]["EventBridgeConfiguration"]["EventBridgeEnabled"],
        true
    );
    assert_eq!(said.at("/pipeline/triggers/on_drift"), true);
    has(&rule("aws.cloudwatch")["EventPattern"], "DriftViolations-");
    let targets = out.platform["Resources"].as_object().unwrap();
    let ids: Vec<&String> = targets.keys().filter(|id| targets[*id]["Type"] == "AWS::Events::Rule").collect();
    for id in ids {
        has(&targets["UndeliveredEventsPolicy"], &format!("[\"{id}\",\"Arn\"]"));
    }
    for (index, kind) in ["processing", "tuning", "processing"].into_iter().enumerate() {
        let name = said.text(&format!("/pipeline/steps/{index}/{kind}"));
        assert_eq!(out.step(&name)["Type"].as_str().unwrap().to_lowercase(), kind);
    }
    decision(said, out);
}

fn decision(said: &Said, out: &Rendered) {
    let place = "/pipeline/steps/3/condition";
    let condition = by(&out.definition["Steps"], "Type", "Condition");
    let test = &condition["Arguments"]["Conditions"][0];
    assert_eq!(test["Type"], "GreaterThanOrEqualTo");
    let left = said.text(&format!("{place}/if/gte/0"));
    let path = left.trim_start_matches("${evaluate.metrics.").trim_end_matches('}').to_owned();
    assert_eq!(test["LeftValue"]["Std:JsonGet"]["Path"], json!(path));
    let get = |text: String| json!({ "Get": text.trim_matches(['$', '{', '}']).replace("parameters", "Parameters") });
    assert_eq!(test["RightValue"], get(said.text(&format!("{place}/if/gte/1"))));
    let at = |key: &str| format!("{place}/then/0/register/{key}");
    let version = by(&condition["Arguments"]["IfSteps"], "Type", "RegisterModel");
    let request = &version["Arguments"];
    let specification = &request["InferenceSpecification"];
    source(&said.text(&at("model")), said, &specification["Containers"][0]["ModelDataUrl"]);
    assert_eq!(request["ModelPackageGroupName"], json!(out.fixed(&said.text(&at("group")))));
    assert_eq!(request["ModelApprovalStatus"], get(said.text(&at("approval"))));
    for (ours, theirs) in [
        ("content_types", "SupportedContentTypes"),
        ("response_types", "SupportedResponseMIMETypes"),
        ("inference_instances", "SupportedRealtimeInferenceInstanceTypes"),
        ("transform_instances", "SupportedTransformInstanceTypes"),
    ] {
        assert_eq!(&specification[theirs], said.at(&at(ours)));
    }
    let (step, output) =
        said.text(&at("metrics")).split_once('.').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    let quality = &request["ModelMetrics"]["ModelQuality"]["Statistics"]["S3Uri"];
    has(quality, &format!("Steps.{step}.ProcessingOutputConfig.Outputs['{output}']"));
    let fail = by(&condition["Arguments"]["ElseSteps"], "Type", "Fail");
    let message = said.text(&format!("{place}/else/0/fail"));
    let (words, parameter) = message.split_once("${").unwrap();
    let parts = &fail["Arguments"]["ErrorMessage"]["Std:Join"]["Values"];
    assert_eq!(parts, &json!([words, get(parameter.to_owned())]));
}

fn serving(said: &Said, out: &Rendered) {
    let place = "/endpoints/deep-learning-endpoint";
    let at = |key: &str| format!("{place}/{key}");
    let (endpoint, config) =
        (out.only("AWS::SageMaker::Endpoint"), out.only("AWS::SageMaker::EndpointConfig"));
    assert_eq!(endpoint["EndpointName"], json!(out.fixed("deep-learning-endpoint")));
    let variant = &config["ProductionVariants"][0];
    assert_eq!(variant["VariantName"], "AllTraffic");
    assert_eq!(said.text(&at("variants/AllTraffic/model")), "deep-learning-models.approved");
    has(out.only("AWS::SageMaker::Model"), "\"ModelPackageName\":{\"Ref\":\"ModelPackageArn\"}");
    assert_eq!(&variant["InstanceType"], said.at(&at("variants/AllTraffic/instance")));
    let override_of_count = format!("/environments/{}/overrides{}", out.env, at("variants/AllTraffic/count"));
    let count = said.at(&at("variants/AllTraffic/count"));
    let count = if out.env == "prod" { said.at(&override_of_count) } else { count };
    assert_eq!(&variant["InitialInstanceCount"], count);
    assert_eq!(variant["InitialVariantWeight"].as_f64(), said.at(&at("variants/AllTraffic/weight")).as_f64());
    let capture = &config["DataCaptureConfig"];
    assert_eq!(capture["InitialSamplingPercentage"], number(&said.text(&at("data_capture/sampling"))).0);
    let bucket = said.text(&at("data_capture/to"));
    let capital = bucket[..1].to_uppercase() + &bucket[1..];
    has(&out.platform["Outputs"]["DeepLearningEndpointCaptureUri"], &format!("s3://${{{capital}Bucket}}/"));
    let rollout = &endpoint["DeploymentConfig"]["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"];
    let canary = number(&said.text(&at("rollout/canary"))).0;
    assert_eq!(rollout["CanarySize"], json!({ "Type": "CAPACITY_PERCENT", "Value": canary }));
    assert_eq!(rollout["WaitIntervalInSeconds"], number(&said.text(&at("rollout/wait"))).1);
    let back = &endpoint["DeploymentConfig"]["AutoRollbackConfiguration"]["Alarms"];
    let watched = said.at(&at("rollout/rollback_on")).as_array().unwrap();
    assert_eq!(back.as_array().unwrap().len(), watched.len());
    for name in watched.iter().map(|name| name.as_str().unwrap()) {
        let id = format!("{}{}Alarm", name[..1].to_uppercase(), &name[1..]);
        has(back, &format!("{{\"Ref\":\"{id}\"}}"));
        alarm(&format!("/alarms/{name}"), said, &out.serving["Resources"][&id]["Properties"], out);
    }
}

fn alarm(place: &str, said: &Said, here: &Value, out: &Rendered) {
    let at = |key: &str| format!("{place}/{key}");
    let (endpoint, variant) =
        said.text(&at("on")).split_once('.').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    assert_eq!(by(&here["Dimensions"], "Name", "EndpointName")["Value"], json!(out.fixed(&endpoint)));
    assert_eq!(by(&here["Dimensions"], "Name", "VariantName")["Value"], json!(variant));
    assert_eq!(&here["MetricName"], said.at(&at("metric")));
    let statistic = said.at(&at("statistic"));
    assert!(&here["Statistic"] == statistic || &here["ExtendedStatistic"] == statistic);
    let above = match said.at(&at("above")) {
        // SageMaker measures latency in microseconds.
        Value::String(text) => text.trim_end_matches("ms").parse::<f64>().unwrap() * 1000.0,
        number => number.as_f64().unwrap(),
    };
    assert_eq!(here["Threshold"].as_f64(), Some(above));
    let window = said.text(&at("for"));
    let [some, _, all, _, period] = window.split(' ').collect::<Vec<_>>()[..] else { panic!("{window}") };
    assert_eq!(here["DatapointsToAlarm"], some.parse::<u64>().unwrap());
    assert_eq!(here["EvaluationPeriods"], all.parse::<u64>().unwrap());
    assert_eq!(here["Period"], number(period).1);
    has(&here["AlarmActions"], "AlarmTopicArn");
}

fn scaling_and_monitoring(said: &Said, out: &Rendered) {
    let target = out.only("AWS::ApplicationAutoScaling::ScalableTarget");
    let variant = said.text("/scaling/web/target");
    has(&target["ResourceId"], &format!("/variant/{}", variant.split('.').next_back().unwrap()));
    assert_eq!(&target["MinCapacity"], said.at("/scaling/web/min"));
    assert_eq!(&target["MaxCapacity"], said.at("/scaling/web/max"));
    let policy =
        &out.only("AWS::ApplicationAutoScaling::ScalingPolicy")["TargetTrackingScalingPolicyConfiguration"];
    let track = |key: &str| said.at(&format!("/scaling/web/track/{key}"));
    assert_eq!(policy["TargetValue"].as_f64(), track("invocations_per_instance").as_f64());
    has(&policy["PredefinedMetricSpecification"], "SageMakerVariantInvocationsPerInstance");
    let seconds = |key: &str| number(track(key).as_str().unwrap()).1;
    assert_eq!(policy["ScaleOutCooldown"], seconds("scale_out_cooldown"));
    assert_eq!(policy["ScaleInCooldown"], seconds("scale_in_cooldown"));
    for email in said.at("/alarms/notify/email").as_array().unwrap() {
        let all = out.all("AWS::SNS::Subscription");
        assert!(all.iter().any(|one| one["Protocol"] == "email" && &one["Endpoint"] == email));
    }
    assert_eq!(said.text("/monitoring/drift/kind"), "data_quality");
    assert_eq!(said.text("/monitoring/drift/backend"), "model_monitor");
    let job = out.only("AWS::SageMaker::DataQualityJobDefinition");
    let watched = said.text("/monitoring/drift/endpoint");
    assert_eq!(out.only("AWS::SageMaker::Endpoint")["EndpointName"], json!(out.fixed(&watched)));
    has(&job["DataQualityJobInput"], "DeepLearningEndpointEndpoint");
    let schedule =
        &out.only("AWS::SageMaker::MonitoringSchedule")["MonitoringScheduleConfig"]["ScheduleConfig"];
    assert_eq!(said.text("/monitoring/drift/schedule"), "hourly");
    assert_eq!(schedule["ScheduleExpression"], "cron(0 * ? * * *)");
    let baseline = &by(&out.definition["Steps"], "Type", "QualityCheck")["Arguments"]["ProcessingInputs"][0];
    source(&said.text("/monitoring/drift/baseline"), said, &baseline["S3Input"]["S3Uri"]);
    let script = said.text("/monitoring/drift/preprocessor");
    by(&out.manifest["assets"], "source", &script);
    let file = script.rsplit('/').next().unwrap();
    has(&job["DataQualityAppSpecification"]["RecordPreprocessorSourceUri"], file);
    assert_eq!(said.at("/monitoring/drift/alarm_on_violation"), true);
    has(&out.serving["Resources"]["DriftViolations"]["Properties"]["AlarmActions"], "AlarmTopicArn");
}

fn environment(said: &Said, out: &Rendered) {
    let place = format!("/environments/{}", out.env);
    assert_eq!(&out.manifest["region"], said.at(&format!("{place}/region")));
    if out.env == "prod" {
        assert_eq!(&out.manifest["account"], said.at(&format!("{place}/account")));
    }
    for name in said.names("/tags") {
        let value = said.at(&format!("/tags/{name}"));
        assert_eq!(&out.manifest["tags"][&name], value);
        for step in
            out.definition["Steps"].as_array().unwrap().iter().filter(|step| step["Type"] != "Condition")
        {
            assert_eq!(&by(&step["Arguments"]["Tags"], "Key", &name)["Value"], value);
        }
    }
}

#[test]
fn each_statement_of_the_reference_workload_arrives() {
    let at = tempfile::tempdir().unwrap();
    project::write(at.path(), &project::reference());
    let all = serde_saphyr::from_str(&project::reference()).unwrap();
    let said = Said { all, seen: RefCell::default() };
    for env in ["dev", "prod"] {
        let out = Rendered::read(env, &project::synth(at.path(), env));
        environment(&said, &out);
        lake(&said, &out);
        parameters(&said, &out);
        processing(&said, &out);
        training_and_tuning(&said, &out);
        registry(&said, &out);
        pipeline(&said, &out);
        serving(&said, &out);
        scaling_and_monitoring(&said, &out);
    }
    assert_eq!(said.left(), Vec::<String>::new(), "nobody looks where this arrives");
}
