//! Instance types: which kind of job takes which, and the traits that decisions turn on.
//!
//! Sources: the enums of the SageMaker API (botocore); EC2's own description of its instance types. A
//! family that EC2 no longer describes (`p2`, `p3`, `dl1`) has none of the traits here.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use super::Accelerator;
use super::rows::{Lines, Rows};

/// What runs on an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JobKind {
    /// A variant of an endpoint.
    Endpoint,
    /// A processing job; monitors, too.
    Processing,
    /// A training or tuning job.
    Training,
    /// A batch transform.
    Transform,
}

impl JobKind {
    /// The kind of job whose instance types a shape of the SageMaker API lists.
    pub fn of_shape(name: &str) -> Option<Self> {
        match name {
            "ProductionVariantInstanceType" => Some(Self::Endpoint),
            "ProcessingInstanceType" => Some(Self::Processing),
            "TrainingInstanceType" => Some(Self::Training),
            "TransformInstanceType" => Some(Self::Transform),
            _ => None,
        }
    }
}

/// The instance types a kind of job takes, by family, small to large.
pub fn instance_types(kind: JobKind) -> &'static [&'static str] {
    static BY_KIND: LazyLock<BTreeMap<JobKind, Vec<&'static str>>> = LazyLock::new(|| {
        let mut kinds = BTreeMap::<_, Vec<_>>::new();
        for row in TYPES.values() {
            for kind in &row.jobs {
                kinds.entry(*kind).or_default().push(row.name);
            }
        }
        kinds
    });
    BY_KIND.get(&kind).map_or(&[], Vec::as_slice)
}

/// Whether a kind of job takes an instance type.
pub fn takes(kind: JobKind, instance: &str) -> bool {
    jobs_of(instance).contains(&kind)
}

/// Whether SageMaker knows the instance type at all.
pub fn instance_exists(instance: &str) -> bool {
    row(instance).is_some()
}

/// The kinds of job that take an instance type; none for one that SageMaker does not know.
pub fn jobs_of(instance: &str) -> &'static [JobKind] {
    row(instance).map_or(&[], |row| row.jobs.as_slice())
}

/// How many GPUs an instance type has.
pub fn gpus(instance: &str) -> u32 {
    row(instance).map_or(0, |row| row.gpus)
}

/// Whether containers on it need a GPU image: by the family's name, as the SageMaker SDK decides.
pub fn is_gpu(instance: &str) -> bool {
    accelerator(instance) == Accelerator::Gpu
}

/// The hardware that an image must be built for: the SageMaker SDK's rule, which goes by the family's name,
/// but every Graviton family is one here, not only those that the SDK lists.
pub fn accelerator(instance: &str) -> Accelerator {
    match family(instance) {
        name if name.starts_with("inf") || name.starts_with("trn") => Accelerator::Neuron,
        name if name.starts_with(['g', 'p']) => Accelerator::Gpu,
        _ if is_arm(instance) => Accelerator::Arm,
        _ => Accelerator::Cpu,
    }
}

/// Whether it has local (NVMe) storage: it takes no key for its volume then, and its volume's size is fixed.
pub fn has_local_storage(instance: &str) -> bool {
    traits(instance).is_some_and(|row| row.local_storage)
}

/// Whether its speed is by credits (`t2`, `t3`): not for endpoints that scale by themselves.
pub fn is_burstable(instance: &str) -> bool {
    traits(instance).is_some_and(|row| row.burstable)
}

/// Whether it is a Graviton.
pub fn is_arm(instance: &str) -> bool {
    traits(instance).is_some_and(|row| row.arm)
}

/// The instance type of a kind of job with the name nearest to one that it does not take, for a "did you
/// mean".
pub fn near_instance(kind: JobKind, instance: &str) -> Option<&'static str> {
    let wanted = format!("ml.{}", instance.trim_start_matches("ml."));
    let distance = |name: &str| {
        // A family is chosen more deliberately than a size.
        let misses =
            usize::from(family(name) != family(&wanted)) * 2 + usize::from(size(name) != size(&wanted));
        strsim::damerau_levenshtein(name, &wanted) + misses
    };
    let nearest = instance_types(kind).iter().copied().min_by_key(|name| distance(name))?;
    (strsim::normalized_damerau_levenshtein(nearest, &wanted) > 0.6).then_some(nearest)
}

fn family(instance: &str) -> &str {
    instance.trim_start_matches("ml.").split('.').next().unwrap_or_default()
}

fn size(instance: &str) -> &str {
    instance.rsplit('.').next().unwrap_or_default()
}

fn row(instance: &str) -> Option<&'static Row> {
    TYPES.get(instance)
}

fn traits(instance: &str) -> Option<&'static Family> {
    FAMILIES.get(family(instance))
}

const TEXT: &str = include_str!("../../schemas/aws/instances.json");
/// By family, small to large.
static TYPES: Lines<Row> = Lines::new(TEXT, "types");
static FAMILIES: Rows<Family> = Rows::named(TEXT, "families");

#[derive(Deserialize)]
struct Row {
    name: &'static str,
    jobs: Vec<JobKind>,
    #[serde(default)]
    gpus: u32,
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Family {
    local_storage: bool,
    burstable: bool,
    arm: bool,
}

#[cfg(test)]
pub(super) fn sources() -> super::Sources {
    super::rows::sources(TEXT)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The job kinds of an instance type by initial, its image, and its traits.
    fn check(instance: &str, jobs: &str, image: Accelerator, traits: &str) {
        let initial = |kind: &JobKind| match kind {
            JobKind::Endpoint => 'e',
            JobKind::Processing => 'p',
            JobKind::Training => 't',
            JobKind::Transform => 'x',
        };
        assert_eq!(jobs_of(instance).iter().map(initial).collect::<String>(), jobs, "{instance}");
        assert_eq!(accelerator(instance), image, "{instance}");
        let has = [
            has_local_storage(instance).then_some("local"),
            is_burstable(instance).then_some("burst"),
            is_arm(instance).then_some("arm"),
        ];
        assert_eq!(has.into_iter().flatten().collect::<Vec<_>>().join(" "), traits, "{instance}");
    }

    #[test]
    fn instance_types_by_kind_with_their_traits() {
        check("ml.m5.xlarge", "eptx", Accelerator::Cpu, "");
        check("ml.c5.xlarge", "eptx", Accelerator::Cpu, "");
        check("ml.c5.large", "e", Accelerator::Cpu, "");
        check("ml.p3.2xlarge", "eptx", Accelerator::Gpu, "");
        check("ml.t2.medium", "e", Accelerator::Cpu, "burst");
        check("ml.t3.medium", "pt", Accelerator::Cpu, "burst");
        check("ml.g5.xlarge", "eptx", Accelerator::Gpu, "local");
        check("ml.m5d.xlarge", "e", Accelerator::Cpu, "local");
        check("ml.c6g.xlarge", "e", Accelerator::Arm, "arm");
        check("ml.inf2.xlarge", "ex", Accelerator::Neuron, "");
        check("ml.nothing.xlarge", "", Accelerator::Cpu, "");
    }

    #[test]
    fn a_row_is_found_by_its_name() {
        TYPES.check();
        assert!(row("ml.c4.large\", \"jobs").is_none() && row("").is_none() && row("ml.c4").is_none());
        FAMILIES.check(TEXT);
    }

    #[test]
    fn gpus_are_counted() {
        assert_eq!([gpus("ml.p3.2xlarge"), gpus("ml.p3.16xlarge"), gpus("ml.m5.large")], [1, 8, 0]);
    }

    #[test]
    fn a_near_name_is_found() {
        let near = |name| near_instance(JobKind::Training, name);
        assert_eq!(near("ml.m5.xlrge"), Some("ml.m5.xlarge"));
        assert_eq!(near("m5.xlarge"), Some("ml.m5.xlarge"));
        assert_eq!(near("ml.c5.large"), Some("ml.c5.xlarge"));
        assert_eq!(near("a-large-one-please"), None);
    }

    #[test]
    fn types_are_small_to_large() {
        let types = instance_types(JobKind::Training);
        let place = |name| types.iter().position(|it| *it == name).expect(name);
        assert!(place("ml.m5.large") < place("ml.m5.xlarge"));
        assert!(place("ml.m5.4xlarge") < place("ml.m5.12xlarge"));
    }
}
