//! What an assembly needs of the account that it does not make: roles, keys, subnets, images, instances, types.
//!
//! Only what is written out counts. A reference is made by the stack itself, and a parameter's value comes from another
//! of its stacks.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::synth::Assembly;

use super::Target;

/// Something that has to be there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// A resource that the stack file names, by its type and what Cloud Control API knows it by.
    Resource {
        /// `AWS::IAM::Role` and the like.
        kind: &'static str,
        /// Its primary identifier.
        identifier: String,
    },
    /// An image in the account's own registry.
    Image {
        /// The registry: an account.
        registry: String,
        /// The repository.
        repository: String,
        /// A tag, or a digest with `sha256:`.
        version: String,
    },
    /// A type of resource that the region has to offer.
    Type(String),
    /// That many instances at a time, under a quota of SageMaker by its name.
    Quota {
        /// `ml.c5.xlarge for endpoint usage`.
        name: String,
        /// How many.
        instances: u64,
    },
    /// The account may make schedules of Model Monitor.
    ModelMonitor,
}

/// All needs, each with the logical ids of what needs it; empty for the definition's.
pub type Needs = BTreeMap<Need, BTreeSet<String>>;

/// What an assembly needs in that account and region.
pub fn needs(assembly: &Assembly, target: &Target) -> Needs {
    let mut needs = Needs::new();
    for entry in &assembly.manifest.templates {
        let parsed =
            assembly.file(&entry.file.file).and_then(|bytes| serde_json::from_slice::<Value>(bytes).ok());
        let Some(template) = parsed else { continue };
        for (id, resource) in template["Resources"].as_object().into_iter().flatten() {
            let kind = resource["Type"].as_str().unwrap_or_default();
            let mut add = |need| {
                needs.entry(need).or_default().insert(id.clone());
            };
            add(Need::Type(kind.to_owned()));
            if kind == "AWS::SageMaker::MonitoringSchedule" {
                add(Need::ModelMonitor);
            }
            for (name, instances) in of_resource(kind, &resource["Properties"]) {
                add(Need::Quota { name, instances });
            }
            // The definition is read on its own, and documents of policies name more than they need.
            if !matches!(
                kind,
                "AWS::SageMaker::Pipeline" | "AWS::IAM::Role" | "AWS::IAM::Policy" | "AWS::KMS::Key"
            ) {
                texts(resource, &mut |text| written(text, target).into_iter().for_each(&mut add));
            }
        }
    }
    let definition = assembly.manifest.definition.as_ref();
    let definition = definition.and_then(|entry| assembly.file(&entry.file));
    if let Some(definition) = definition.and_then(|bytes| serde_json::from_slice::<Value>(bytes).ok()) {
        let mut add = |need| {
            needs.entry(need).or_default();
        };
        texts(&definition, &mut |text| written(text, target).into_iter().for_each(&mut add));
        let mut instances = BTreeMap::new();
        steps(&definition["Steps"], &mut instances);
        for (name, instances) in instances {
            add(Need::Quota { name, instances });
        }
    }
    needs
}

/// Visits every text.
fn texts(value: &Value, visit: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => visit(text),
        Value::Array(items) => items.iter().for_each(|item| texts(item, visit)),
        Value::Object(members) => members.values().for_each(|member| texts(member, visit)),
        _ => {}
    }
}

/// What a text that is written out whole names.
fn written(text: &str, target: &Target) -> Option<Need> {
    if text.contains("${") || text.contains(char::is_whitespace) {
        return None;
    }
    let resource = |kind, identifier: &str| Some(Need::Resource { kind, identifier: identifier.to_owned() });
    for (prefix, kind) in [("subnet-", "AWS::EC2::Subnet"), ("sg-", "AWS::EC2::SecurityGroup")] {
        if let Some(id) = text.strip_prefix(prefix)
            && !id.is_empty()
            && id.bytes().all(|byte| byte.is_ascii_hexdigit())
        {
            return resource(kind, text);
        }
    }
    if let Some((registry, rest)) = text.split_once(".dkr.ecr.") {
        let (_, image) = rest.split_once('/')?;
        let by_digest = image.split_once('@');
        let (repository, version) = by_digest.or_else(|| image.split_once(':')).unwrap_or((image, "latest"));
        let (registry, repository, version) =
            (registry.to_owned(), repository.to_owned(), version.to_owned());
        return (registry == target.identity.account).then_some(Need::Image {
            registry,
            repository,
            version,
        });
    }
    let mut parts = text.splitn(6, ':');
    if parts.next() != Some("arn") {
        return None;
    }
    let (_, service, region, account, rest) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    if account != target.identity.account || !(region.is_empty() || region == target.region) {
        return None;
    }
    match (service, rest.split_once('/')) {
        ("iam", Some(("role", path))) => resource("AWS::IAM::Role", path.rsplit('/').next()?),
        ("kms", Some(("key", id))) => resource("AWS::KMS::Key", id),
        _ => None,
    }
}

/// Instances that a resource starts, by the name of their quota.
/// <https://docs.aws.amazon.com/general/latest/gr/sagemaker.html> names the quotas.
fn of_resource(kind: &str, properties: &Value) -> BTreeMap<String, u64> {
    let mut found = BTreeMap::new();
    match kind {
        "AWS::SageMaker::EndpointConfig" => {
            for list in ["ProductionVariants", "ShadowProductionVariants"] {
                for variant in properties[list].as_array().into_iter().flatten() {
                    count(
                        &variant["InstanceType"],
                        &variant["InitialInstanceCount"],
                        1,
                        "endpoint",
                        &mut found,
                    );
                }
            }
        }
        "AWS::SageMaker::DataQualityJobDefinition"
        | "AWS::SageMaker::ModelQualityJobDefinition"
        | "AWS::SageMaker::ModelBiasJobDefinition"
        | "AWS::SageMaker::ModelExplainabilityJobDefinition" => {
            cluster(&properties["JobResources"]["ClusterConfig"], 1, "processing job", &mut found);
        }
        _ => {}
    }
    found
}

/// The most instances that one of the steps has at a time.
fn steps(list: &Value, found: &mut BTreeMap<String, u64>) {
    for step in list.as_array().into_iter().flatten() {
        let arguments = &step["Arguments"];
        let mut one = BTreeMap::new();
        match step["Type"].as_str().unwrap_or_default() {
            "Processing" | "QualityCheck" | "ClarifyCheck" => {
                cluster(&arguments["ProcessingResources"]["ClusterConfig"], 1, "processing job", &mut one);
            }
            "Training" => training(arguments, 1, &mut one),
            "Tuning" => {
                let limits = &arguments["HyperParameterTuningJobConfig"]["ResourceLimits"];
                let parallel = limits["MaxParallelTrainingJobs"].as_u64().unwrap_or(1);
                training(&arguments["TrainingJobDefinition"], parallel, &mut one);
                for job in arguments["TrainingJobDefinitions"].as_array().into_iter().flatten() {
                    training(job, parallel, &mut one);
                }
            }
            "Transform" => cluster(&arguments["TransformResources"], 1, "transform job", &mut one),
            _ => {}
        }
        for (name, instances) in one {
            let most = found.entry(name).or_default();
            *most = instances.max(*most);
        }
        steps(&arguments["IfSteps"], found);
        steps(&arguments["ElseSteps"], found);
    }
}

fn training(job: &Value, parallel: u64, found: &mut BTreeMap<String, u64>) {
    let spot = job["EnableManagedSpotTraining"] == true;
    let usage = if spot { "spot training job" } else { "training job" };
    // The second is what a tuning job calls it.
    for config in ["ResourceConfig", "HyperParameterTuningResourceConfig"] {
        cluster(&job[config], parallel, usage, found);
    }
}

fn cluster(config: &Value, times: u64, usage: &str, found: &mut BTreeMap<String, u64>) {
    count(&config["InstanceType"], &config["InstanceCount"], times, usage, found);
}

fn count(kind: &Value, instances: &Value, times: u64, usage: &str, found: &mut BTreeMap<String, u64>) {
    if let (Some(kind), Some(instances)) = (kind.as_str(), instances.as_u64()) {
        *found.entry(format!("{kind} for {usage} usage")).or_default() += instances * times;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::Identity;

    fn target() -> Target {
        let identity = Identity {
            account: "111122223333".into(),
            arn: "arn:aws:iam::111122223333:user/a".into(),
            partition: "aws".into(),
        };
        Target { identity, region: "eu-west-1".into() }
    }

    #[test]
    fn what_is_written_out_is_needed() {
        let check = |text: &str, expected: Option<(&str, &str)>| {
            let found = written(text, &target());
            let found = found.map(|need| match need {
                Need::Resource { kind, identifier } => (kind.to_owned(), identifier),
                Need::Image { registry, repository, version } => {
                    (registry, format!("{repository} {version}"))
                }
                other => panic!("{other:?}"),
            });
            assert_eq!(found, expected.map(|(a, b)| (a.to_owned(), b.to_owned())), "{text}");
        };
        check("subnet-0123456789abcdef0", Some(("AWS::EC2::Subnet", "subnet-0123456789abcdef0")));
        check("sg-01234567", Some(("AWS::EC2::SecurityGroup", "sg-01234567")));
        check("sg-nal", None);
        check("arn:aws:iam::111122223333:role/service-role/Jobs", Some(("AWS::IAM::Role", "Jobs")));
        check("arn:aws:iam::444455556666:role/Jobs", None);
        check("arn:aws:kms:eu-west-1:111122223333:key/1234", Some(("AWS::KMS::Key", "1234")));
        check("arn:aws:kms:us-east-1:111122223333:key/1234", None);
        check("arn:${AWS::Partition}:iam::111122223333:role/x", None);
        let image = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/team/model";
        check(&format!("{image}:3"), Some(("111122223333", "team/model 3")));
        check(image, Some(("111122223333", "team/model latest")));
        check(&format!("{image}@sha256:ab"), Some(("111122223333", "team/model sha256:ab")));
        check("763104351884.dkr.ecr.eu-west-1.amazonaws.com/x:1", None);
    }

    #[test]
    fn instances_are_counted_by_their_quota() {
        let variants = json!({ "ProductionVariants": [
            { "InstanceType": "ml.c5.xlarge", "InitialInstanceCount": 2 },
            { "InstanceType": "ml.c5.xlarge", "InitialInstanceCount": 1 },
            { "ServerlessConfig": {} },
        ] });
        let found = of_resource("AWS::SageMaker::EndpointConfig", &variants);
        assert_eq!(found, BTreeMap::from([("ml.c5.xlarge for endpoint usage".to_owned(), 3)]));

        let cluster = |count: u64| json!({ "InstanceType": "ml.m5.xlarge", "InstanceCount": count });
        let processing = |count: u64| json!({ "Type": "Processing", "Arguments": { "ProcessingResources": { "ClusterConfig": cluster(count) } } });
        let tuning = json!({ "Type": "Tuning", "Arguments": {
            "HyperParameterTuningJobConfig": { "ResourceLimits": { "MaxParallelTrainingJobs": 5 } },
            "TrainingJobDefinition": {
                "EnableManagedSpotTraining": true,
                "HyperParameterTuningResourceConfig": cluster(2),
            },
        } });
        let mut found = BTreeMap::new();
        let condition =
            json!({ "Type": "Condition", "Arguments": { "IfSteps": [processing(3)], "ElseSteps": [] } });
        steps(&json!([processing(1), tuning, condition]), &mut found);
        let expected =
            [("ml.m5.xlarge for processing job usage", 3), ("ml.m5.xlarge for spot training job usage", 10)];
        assert_eq!(found, expected.map(|(name, count)| (name.to_owned(), count)).into());
    }
}
