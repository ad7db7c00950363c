//! The table of kinds: the sections of a stack file, in the order in which they may build on each other.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Construct, This};
use crate::diag::Pointer;

/// Constructs by name, in the order of the file.
pub type Section<T> = indexmap::IndexMap<String, T>;

/// What differs from environment to environment.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Environment {
    /// The AWS region, such as `eu-west-1`. Without it, the templates fit any region, and the standard AWS
    /// configuration says where to deploy.
    #[serde(default)]
    pub region: Option<String>,
    /// The AWS account, twelve digits in quotes: `deploy` refuses to run against any other.
    #[serde(default)]
    pub account: Option<String>,
    /// Tags of this environment, beside those of the stack.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// Sections of the stack file as they differ here: mappings merge, lists and scalars replace, `null` removes.
    #[serde(default)]
    pub overrides: serde_json::Map<String, serde_json::Value>,
}

/// The VPC in which every job and model runs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// Ids of subnets, 1 to 16.
    #[schemars(length(min = 1, max = 16))]
    pub subnets: Vec<String>,
    /// Ids of security groups, 1 to 5.
    #[schemars(length(min = 1, max = 5))]
    pub security_groups: Vec<String>,
}

/// Writes the stack file's type, and the walk over its constructs, from one line per kind.
macro_rules! kinds {
    (
        one { $($(#[$one_doc:meta])+ $one:ident: $one_type:ty,)* }
        many { $($(#[$many_doc:meta])+ $many:ident: $many_type:ty,)* }
        order { $($order:ident)* }
    ) => {
        /// A stack file: one SageMaker system, one section per kind of construct.
        #[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct StackFile {
            /// The system's name; part of the names of what it makes.
            pub name: String,
            /// Tags of everything that takes tags.
            #[serde(default)]
            pub tags: BTreeMap<String, String>,
            /// Where the system runs, by name; `--env` chooses one.
            #[schemars(extend("minProperties" = 1))]
            #[serde(default)]
            pub environments: Section<Environment>,
            /// Stack files in the same directory that come first when a command deploys several, and last when it
            /// deletes them: their file names without `.yaml`.
            #[serde(default)]
            pub depends_on: Vec<String>,
            /// The VPC in which every job and model runs.
            #[serde(default)]
            pub network: Option<Network>,
            /// How CloudFormation treats the stacks: what protects them, and what makes a change of them roll back.
            #[serde(default)]
            pub deployment: Option<super::deployment::Deployment>,
            $($(#[$one_doc])+ #[serde(default)] pub $one: Option<$one_type>,)*
            $($(#[$many_doc])+ #[serde(default)] pub $many: Section<$many_type>,)*
        }

        impl StackFile {
            /// All constructs with their sections, in the order in which they may build on each other.
            pub fn constructs(&self) -> Vec<(&'static str, This, &dyn Construct)> {
                let mut all: Vec<(&'static str, This, &dyn Construct)> = Vec::new();
                $(
                    if let Some(construct) = &self.$one {
                        let section = stringify!($one);
                        let this = This { name: section.to_owned(), pointer: Pointer::root().key(section) };
                        all.push((section, this, construct));
                    }
                )*
                $(
                    for (name, construct) in &self.$many {
                        let section = stringify!($many);
                        let this = This { name: name.clone(), pointer: Pointer::root().key(section).key(name) };
                        all.push((section, this, construct));
                    }
                )*
                all.sort_by_key(|(section, ..)| Self::rank(section));
                all
            }

            /// The construct of that name; the first of [`StackFile::constructs`], should there be several.
            pub fn construct(&self, name: &str) -> Option<(This, &dyn Construct)> {
                let mut found: Vec<(&'static str, &dyn Construct)> = Vec::new();
                $(
                    if let Some(construct) = self.$one.as_ref().filter(|_| name == stringify!($one)) {
                        found.push((stringify!($one), construct));
                    }
                )*
                let one = found.len();
                $(
                    if let Some(construct) = self.$many.get(name) {
                        found.push((stringify!($many), construct));
                    }
                )*
                let first = (0..found.len()).min_by_key(|at| Self::rank(found[*at].0))?;
                let (section, construct) = found[first];
                let pointer = Pointer::root().key(section);
                let pointer = if first < one { pointer } else { pointer.key(name) };
                Some((This { name: name.to_owned(), pointer }, construct))
            }

            /// The place of a section among all.
            fn rank(section: &str) -> Option<usize> {
                [$(stringify!($order)),*].iter().position(|known| *known == section)
            }
        }
    };
}

kinds! {
    one {
        /// Where the data lies: buckets, the key that encrypts them, and the datasets that jobs read.
        data_lake: super::data_lake::DataLake,
        /// Alarms on endpoints by name, and under `notify` who is told.
        alarms: super::alarms::Alarms,
        /// The pipeline: which steps run, in what order, and what starts it.
        pipeline: super::pipeline::Pipeline,
    }
    many {
        /// Pipeline parameters, typed by their default: values that each execution may set.
        parameters: super::parameters::Parameter,
        /// Processing jobs: scripts that prepare data, evaluate models, and write reports.
        processing: super::processing::Processing,
        /// Training jobs: a script or an algorithm that makes a model from data.
        training: super::training::Training,
        /// Tuning jobs: many runs of a training job, in search of the best hyperparameters.
        tuning: super::tuning::Tuning,
        /// Batch transforms: what a model says of every record of a data set.
        transform: super::transform::Transform,
        /// Model package groups: where versions of a model are registered and approved.
        registry: super::registry::ModelGroup,
        /// Endpoints: models that answer requests.
        endpoints: super::endpoints::Endpoint,
        /// Scaling: how many instances a variant has.
        scaling: super::scaling::Scaling,
        /// Monitors: whether what an endpoint sees and says still is what its model was made for.
        monitoring: super::monitoring::Monitor,
    }
    order {
        data_lake parameters processing training tuning registry transform pipeline endpoints alarms scaling monitoring
    }
}

impl StackFile {
    /// Tags of everything that takes tags, the environment's and smstack's own among them.
    pub fn all_tags(&self, environment: &str) -> BTreeMap<String, String> {
        let own = self
            .environments
            .get(environment)
            .map(|environment| environment.tags.clone())
            .unwrap_or_default();
        let mut tags = self.tags.clone();
        tags.extend(own);
        tags.insert("smstack:stack".to_owned(), self.name.clone());
        tags.insert("smstack:environment".to_owned(), environment.to_owned());
        tags
    }
}
