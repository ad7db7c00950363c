//! Tuning jobs: a few training jobs whose hyperparameters are drawn from the ranges, always the same ones.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Map, Value, json};

use super::jobs::{Done, Failure, Work};
use super::schedule::Message;
use super::training::{self, Job};
use super::values::text;
use super::{Event, JobResult, StepStatus};

/// What the first numbers are drawn from.
const SEED: u64 = 20_201_201;

/// What is searched for: the metric, and whether more of it is better.
struct Objective {
    metric: String,
    maximize: bool,
}

/// A tuning step, its expressions computed.
pub(super) fn tuning(work: &Work<'_>, request: &Value) -> Result<Done, Failure> {
    let config = &request["HyperParameterTuningJobConfig"];
    let definitions: Vec<&Value> = match request["TrainingJobDefinitions"].as_array() {
        Some(several) if !several.is_empty() => several.iter().collect(),
        _ => vec![&request["TrainingJobDefinition"]],
    };
    let limits = &config["ResourceLimits"];
    let asked = limits["MaxNumberOfTrainingJobs"].as_u64().and_then(|it| usize::try_from(it).ok());
    let count = asked.unwrap_or(usize::MAX).min(work.order.max_jobs).max(1);
    if asked.is_some_and(|asked| asked > count) {
        let jobs = if count == 1 { "training job" } else { "training jobs" };
        work.note(format!("{count} {jobs} in place of {}", asked.unwrap_or_default()));
    }
    let mut random = Random(SEED);
    let jobs: Vec<(Job<'_>, Objective, BTreeMap<String, String>)> = (0..count)
        .map(|number| {
            let definition = definitions[number % definitions.len()];
            let objective = match &definition["TuningObjective"] {
                Value::Null => &config["HyperParameterTuningJobObjective"],
                own => own,
            };
            let ranges = match &definition["HyperParameterRanges"] {
                Value::Null => &config["ParameterRanges"],
                own => own,
            };
            let chosen =
                if config["Strategy"] == "Grid" { grid(ranges, number) } else { drawn(ranges, &mut random) };
            let mut hyperparameters: Map<String, Value> =
                definition["StaticHyperParameters"].as_object().cloned().unwrap_or_default();
            hyperparameters.extend(chosen.iter().map(|(name, value)| (name.clone(), json!(value))));
            let objective = Objective {
                metric: text(&objective["MetricName"]),
                maximize: objective["Type"] != "Minimize",
            };
            hyperparameters.insert("_tuning_objective_metric".into(), json!(objective.metric));
            let name = work.job_name(Some(number + 1));
            (Job { name, request: definition, hyperparameters }, objective, chosen)
        })
        .collect();

    let parallel = limits["MaxParallelTrainingJobs"].as_u64().and_then(|it| usize::try_from(it).ok());
    let workers = parallel.unwrap_or(1).min(work.order.max_parallel).clamp(1, count);
    let (next, ended) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let results: Mutex<BTreeMap<usize, Result<JobResult, Failure>>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..workers {
            let (work, jobs, next, ended, results) = (work.clone(), &jobs, &next, &ended, &results);
            scope.spawn(move || {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some((job, objective, _)) = jobs.get(number) else { return };
                    if work.stop.load(Ordering::Relaxed) {
                        return;
                    }
                    let result = training::train(&work, job);
                    let reached = result.as_ref().ok().and_then(|it| reached(it, objective));
                    let step = work.name().to_owned();
                    let ended = ended.fetch_add(1, Ordering::Relaxed) + 1;
                    let event = Event::Trial { step, ended, of: jobs.len(), objective: reached };
                    // Whoever listens has gone only when the execution is over.
                    let _ = work.tell.send(Message::Event(event));
                    results.lock().unwrap_or_else(PoisonError::into_inner).insert(number, result);
                }
            });
        }
    });
    let results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    summed(work, request, &jobs, results)
}

/// The last value of the objective.
fn reached(result: &JobResult, objective: &Objective) -> Option<f64> {
    result.metrics.get(&objective.metric)?.last().copied()
}

/// The jobs from the best to the worst, as `TrainingJobSummaries` has them.
fn summed(
    work: &Work<'_>,
    request: &Value,
    jobs: &[(Job<'_>, Objective, BTreeMap<String, String>)],
    results: BTreeMap<usize, Result<JobResult, Failure>>,
) -> Result<Done, Failure> {
    let mut all: Vec<(f64, JobResult)> = Vec::new();
    let mut failed: Option<Failure> = None;
    let mut described = BTreeMap::new();
    for (number, result) in results {
        let Some((job, objective, chosen)) = jobs.get(number) else { continue };
        match result {
            Ok(mut result) => {
                result.objective = reached(&result, objective);
                result.hyperparameters = chosen.clone();
                described.insert(result.name.clone(), training::described(job, &result));
                // What reached nothing is behind everything.
                let rank =
                    result.objective.map_or(f64::INFINITY, |it| if objective.maximize { -it } else { it });
                all.push((rank, result));
            }
            Err(failure) if matches!(failure.status, StepStatus::Stopped | StepStatus::Skipped) => {
                return Err(failure);
            }
            Err(failure) => {
                let result = JobResult {
                    name: job.name.clone(),
                    message: Some(failure.message.clone()),
                    hyperparameters: chosen.clone(),
                    log: failure.log.clone().unwrap_or_default(),
                    ..JobResult::default()
                };
                all.push((f64::INFINITY, result));
                failed = failed.or(Some(failure));
            }
        }
    }
    if work.stop.load(Ordering::Relaxed) && all.len() < jobs.len() {
        return Err(Failure::new(StepStatus::Stopped, "stopped"));
    }
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut results: Vec<JobResult> = all.into_iter().map(|(_, result)| result).collect();
    let Some(best) = results.first_mut().filter(|best| best.succeeded) else {
        let failure = failed.unwrap_or_else(|| Failure::from("no training job was run".to_owned()));
        return Err(Failure {
            message: format!("every training job failed: {}", failure.message),
            jobs: results,
            ..failure
        });
    };
    if best.objective.is_none() {
        let metric = jobs.first().map(|(_, objective, _)| objective.metric.clone()).unwrap_or_default();
        let log = Some(best.log.clone());
        let message = format!(
            "no training job wrote the objective `{metric}`: its expression caught nothing in the log"
        );
        let help = Some(format!("print `{metric}` so that its expression under `metrics` catches it"));
        return Err(Failure { help, log, jobs: results, ..message.into() });
    }
    best.best = true;
    let best_model = best.model.clone();
    let summaries: Vec<Value> = results
        .iter()
        .map(|result| {
            let status = if result.succeeded { "Completed" } else { "Failed" };
            json!({
                "TrainingJobName": result.name, "TrainingJobStatus": status,
                "TunedHyperParameters": result.hyperparameters,
                "FinalHyperParameterTuningJobObjectiveMetric": { "Value": result.objective },
            })
        })
        .collect();
    let mut offers = request.clone();
    offers["HyperParameterTuningJobName"] = json!(work.job_name(None));
    offers["HyperParameterTuningJobStatus"] = json!("Completed");
    offers["BestTrainingJob"] = summaries.first().cloned().unwrap_or_default();
    offers["TrainingJobSummaries"] = json!(summaries);
    let outputs = best_model.into_iter().map(|at| ("best_model".to_owned(), at)).collect();
    Ok(Done { offers, outputs, jobs: results })
}

/// Every range of a kind.
fn of_kind<'r>(ranges: &'r Value, kind: &str) -> impl Iterator<Item = &'r Value> {
    ranges[kind].as_array().into_iter().flatten()
}

/// One value of each range, drawn as its scale says.
fn drawn(ranges: &Value, random: &mut Random) -> BTreeMap<String, String> {
    let bound = |range: &Value, name: &str| text(&range[name]).parse::<f64>().unwrap_or_default();
    let mut all = BTreeMap::new();
    for range in of_kind(ranges, "ContinuousParameterRanges") {
        let scale = range["ScalingType"].as_str();
        let value = scaled(bound(range, "MinValue"), bound(range, "MaxValue"), scale, random.share());
        all.insert(text(&range["Name"]), format!("{value}"));
    }
    for range in of_kind(ranges, "IntegerParameterRanges") {
        let (least, most) = (bound(range, "MinValue"), bound(range, "MaxValue"));
        let scale = range["ScalingType"].as_str();
        let value = scaled(least, most, scale, random.share()).round().clamp(least, most);
        all.insert(text(&range["Name"]), format!("{value:.0}"));
    }
    for range in of_kind(ranges, "CategoricalParameterRanges") {
        let values: Vec<String> = range["Values"].as_array().into_iter().flatten().map(text).collect();
        let index = random.below(values.len());
        all.extend(values.get(index).map(|value| (text(&range["Name"]), value.clone())));
    }
    all
}

/// The value at a share of a range.
fn scaled(least: f64, most: f64, scale: Option<&str>, share: f64) -> f64 {
    match scale {
        Some("Logarithmic") if least > 0.0 => (least.ln() + share * (most.ln() - least.ln())).exp(),
        Some("ReverseLogarithmic") if least >= 0.0 && most < 1.0 => {
            let (from, to) = ((1.0 - least).ln(), (1.0 - most).ln());
            1.0 - (from + share * (to - from)).exp()
        }
        _ => least + share * (most - least),
    }
    .clamp(least, most)
}

/// The combination of that number of the lists.
fn grid(ranges: &Value, mut number: usize) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for range in of_kind(ranges, "CategoricalParameterRanges") {
        let values: Vec<String> = range["Values"].as_array().into_iter().flatten().map(text).collect();
        if let Some(value) = values.get(number % values.len().max(1)) {
            all.insert(text(&range["Name"]), value.clone());
            number /= values.len();
        }
    }
    all
}

/// `SplitMix64`: Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators" (2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 up to, and without, 1.
    fn share(&mut self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "53 bits are what a double holds")]
        let bits = (self.next() >> 11) as f64;
        bits / 9_007_199_254_740_992.0
    }

    fn below(&mut self, count: usize) -> usize {
        let count = u64::try_from(count).unwrap_or(1).max(1);
        usize::try_from(self.next() % count).unwrap_or_default()
    }
}
