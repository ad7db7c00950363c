//! The pipeline step that computes a monitor's baseline, in the form of AWS's SDK.
//! <https://docs.aws.amazon.com/sagemaker/latest/dg/build-and-manage-steps-types.html>

use super::render::cluster;
use super::{Backend, DatasetFormat, Monitor, MonitorKind, pipeline};
use crate::cfn::{Expr, Map, Statement, Value, json};
use crate::constructs::{Role, Scope, This, serving};
use crate::definition::Step;

/// Where the baseline data and the results stand in the container, as AWS's SDK puts them.
const DATASET: &str = "/opt/ml/processing/input/baseline_dataset_input";
const RESULTS: &str = "/opt/ml/processing/output";

impl DatasetFormat {
    /// The analyzer's own word for it.
    fn to_value(self) -> serde_json::Value {
        match self {
            DatasetFormat::CsvWithHeader | DatasetFormat::Csv => {
                let header = self == DatasetFormat::CsvWithHeader;
                serde_json::json!({ "csv": { "header": header, "output_columns_position": "START" } })
            }
            DatasetFormat::JsonLines | DatasetFormat::Json => {
                serde_json::json!({ "json": { "lines": self == DatasetFormat::JsonLines } })
            }
            DatasetFormat::Parquet => serde_json::json!({ "parquet": {} }),
        }
    }
}

impl Monitor {
    /// The step, for monitors that compare with data of the pipeline.
    pub(super) fn baseline(&self, this: &This, scope: &Scope<'_>) -> Option<Step> {
        if self.backend != Backend::ModelMonitor || self.kind.by_clarify() {
            return None;
        }
        let data = scope.data(self.baseline.as_ref()?.as_str())?;
        let group = self.group_name(scope)?;
        let image = self.image(scope)?;
        let key = scope.key();
        let mut request = Map::new();
        request.insert("ProcessingResources", pruned(cluster(self, key.as_ref())));
        request.insert("AppSpecification", json!({ "ImageUri": image.uri }));
        request.insert("RoleArn", Role::Monitor.arn().to_value());
        let mut inputs = vec![input("baseline_dataset_input", &data.uri, DATASET, data.manifest)];
        let mut environment = self.baseline_environment();
        for (name, variable, path) in self.scripts() {
            let directory = format!("/opt/ml/processing/input/{name}");
            let file = path.rsplit('/').next().unwrap_or(path);
            environment.insert(variable, json!(format!("{directory}/{file}")));
            inputs.push(input(name, &scope.asset(path), &directory, false));
        }
        request.insert("ProcessingInputs", Value::Array(inputs));
        let results = Expr::concat([
            Monitor::baselines(this, scope).uri,
            Expr::text("/"),
            Expr::Get("Execution.PipelineExecutionId".to_owned()),
        ]);
        let mut output = json!({ "Outputs": [{
            "OutputName": "quality_check_output",
            "AppManaged": false,
            "S3Output": { "S3Uri": results, "LocalPath": RESULTS, "S3UploadMode": "EndOfJob" },
        }] });
        if let Some(key) = &key {
            output["KmsKeyId"] = key.to_value();
        }
        request.insert("ProcessingOutputConfig", output);
        request.insert("Environment", Value::Object(environment));
        let mut network =
            json!({ "EnableInterContainerTrafficEncryption": true, "EnableNetworkIsolation": false });
        if let Some(vpc) = serving::vpc(scope) {
            network["VpcConfig"] = vpc;
        }
        request.insert("NetworkConfig", network);
        request.insert("StoppingCondition", json!({ "MaxRuntimeInSeconds": self.runtime().secs() }));
        request.insert("Tags", Value::Array(scope.run_time_tags()));
        let mut step = Step::new(format!("{}-baseline", this.name), "QualityCheck", Value::Object(request));
        let check = if self.kind == MonitorKind::DataQuality { "DATA_QUALITY" } else { "MODEL_QUALITY" };
        // The step computes a baseline and hands it on; it judges nothing.
        step.envelope = Map::from_iter([
            ("CheckType", json!(check)),
            ("ModelPackageGroupName", json!(group)),
            ("SkipCheck", json!(true)),
            ("FailOnViolation", json!(false)),
            ("RegisterNewBaseline", json!(true)),
            ("SuppliedBaselineStatistics", Value::Null),
            ("SuppliedBaselineConstraints", Value::Null),
        ]);
        Some(step)
    }

    /// Scripts of the user's: the input's name, the variable that names the file, the path.
    fn scripts(&self) -> impl Iterator<Item = (&'static str, &'static str, &str)> {
        let record = ("record_preprocessor_script_input", "record_preprocessor_script", &self.preprocessor);
        let post =
            ("post_analytics_processor_script_input", "post_analytics_processor_script", &self.postprocessor);
        // The analyzer takes a preprocessor of records for the quality of data only.
        let record = Some(record).filter(|_| self.kind == MonitorKind::DataQuality);
        record
            .into_iter()
            .chain([post])
            .filter_map(|(name, variable, path)| Some((name, variable, path.as_deref()?)))
    }

    fn baseline_environment(&self) -> Map {
        let mut environment: Map =
            self.environment.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        let mut set = |name: &'static str, value: Value| environment.insert(name, value);
        set("output_path", json!(RESULTS));
        // The analyzer refuses to publish metrics from a baseline.
        set("publish_cloudwatch_metrics", json!("Disabled"));
        set("dataset_format", json!(crate::rules::json_text::python_json(&self.baseline_format.to_value())));
        set("dataset_source", json!(DATASET));
        if self.kind == MonitorKind::ModelQuality {
            set("analysis_type", json!("MODEL_QUALITY"));
            let threshold = self.probability_threshold.map(|threshold| threshold.to_string());
            for (name, value) in [
                ("problem_type", self.problem_type.map(|problem| problem.as_api().to_owned())),
                ("inference_attribute", self.inference_attribute.clone()),
                ("probability_attribute", self.probability_attribute.clone()),
                ("ground_truth_attribute", self.label_attribute.clone()),
                ("probability_threshold_attribute", threshold),
            ] {
                if let Some(value) = value {
                    set(name, json!(value));
                }
            }
        }
        environment
    }

    /// What the pipeline needs to run a step with the monitor's role.
    pub(super) fn baseline_grants(step: &Step) -> Vec<Statement> {
        let mut statements = pipeline::pipeline_grants();
        if let Some(group) = step.envelope.get("ModelPackageGroupName").and_then(Value::as_str) {
            let packages = serving::sagemaker("model-package", &format!("{group}/*"));
            let groups = serving::sagemaker("model-package-group", group);
            // The check looks for the baseline of the newest version.
            statements.push(Statement::allow(
                "ReadBaselines",
                [
                    "sagemaker:DescribeModelPackage",
                    "sagemaker:DescribeModelPackageGroup",
                    "sagemaker:ListModelPackages",
                ],
                packages.into_iter().chain(groups),
            ));
        }
        statements
    }
}

/// One input of a processing job.
pub(super) fn input(name: &str, uri: &Expr, path: &str, manifest: bool) -> Value {
    json!({
        "InputName": name,
        "AppManaged": false,
        "S3Input": {
            "S3Uri": uri,
            "LocalPath": path,
            "S3DataType": if manifest { "ManifestFile" } else { "S3Prefix" },
            "S3InputMode": "File",
            "S3DataDistributionType": "FullyReplicated",
            "S3CompressionType": "None",
        },
    })
}

/// Without members that are `null`: a definition passes no shape that would leave them out.
pub(super) fn pruned(mut value: Value) -> Value {
    if let Some(members) = value.as_object_mut() {
        members.retain(|_, member| !member.is_null());
        members.values_mut().for_each(|member| *member = pruned(std::mem::take(member)));
    }
    value
}
