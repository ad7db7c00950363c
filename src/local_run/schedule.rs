//! Which step goes when: each when what it waits for has ended, jobs beside each other.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::Scope;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::jobs::{Done, Failure, Permits, Work};
use super::store::Store;
use super::transform::{self, Models};
use super::values::{self, ACCOUNT, Known};
use super::{Error, Event, Order, Outcome, Registered, StepResult, StepStatus, cache, registry, steps};

/// What a job's thread tells.
pub(super) enum Message {
    /// Something happened.
    Event(Event),
    /// The step ended.
    Done(String, Box<Result<Done, Failure>>),
}

/// How often somebody may have asked to stop.
const TICK: Duration = Duration::from_millis(100);

/// A step that waits, runs, or has ended.
struct Node<'d> {
    step: &'d Value,
    name: String,
    kind: String,
    needs: BTreeSet<String>,
    began: Option<Instant>,
    ended: Option<StepStatus>,
    cache: Option<PathBuf>,
}

struct Run<'r> {
    order: &'r Order,
    store: &'r Store,
    stop: &'r AtomicBool,
    permits: &'r Permits,
    execution: &'r str,
    directory: &'r PathBuf,
    known: Known,
    models: Models,
    nodes: Vec<Node<'r>>,
    results: Vec<StepResult>,
    registered: Vec<Registered>,
    failed: Option<String>,
    running: usize,
}

pub(super) fn run(
    order: &Order,
    store: &Store,
    stop: &AtomicBool,
    events: &mut dyn FnMut(Event),
) -> Result<Outcome, Error> {
    let (execution, directory) = begin(order)?;
    let parameters = Known::parameters(order).map_err(Error::Definition)?;
    let (begun, started) = (Instant::now(), Timestamp::now());
    let permits = Permits::new(order.max_parallel);
    let known = Known { parameters, execution: of_execution(order, &execution, started), ..Known::default() };
    let mut run = Run {
        order,
        store,
        stop,
        permits: &permits,
        execution: &execution,
        directory: &directory,
        known,
        models: Models::new(),
        nodes: Vec::new(),
        results: Vec::new(),
        registered: Vec::new(),
        failed: None,
        running: 0,
    };
    run.add(&order.definition["Steps"]).map_err(Error::Definition)?;
    events(Event::Begun { execution: execution.clone(), directory: directory.clone() });
    let (tell, told) = mpsc::channel();
    std::thread::scope(|scope| run.go_on(scope, &tell, &told, events));
    let status = match (&run.failed, stop.load(Ordering::Relaxed)) {
        (_, true) => StepStatus::Stopped,
        (Some(_), _) => StepStatus::Failed,
        _ => StepStatus::Succeeded,
    };
    for node in run.nodes.iter().filter(|node| node.ended.is_none()) {
        run.results.push(result(node, StepStatus::NotReached, None));
    }
    let outcome = Outcome {
        execution: execution.clone(),
        stack: order.stack.clone(),
        environment: order.environment.clone(),
        status,
        failed_step: run.failed,
        started: started.to_string(),
        seconds: begun.elapsed().as_secs_f64(),
        parameters: run.known.parameters.clone(),
        steps: run.results,
        registered: run.registered,
        reports: reports(&run.known, store),
        directory: directory.clone(),
    };
    Ok(outcome)
}

/// A directory and an id of its own.
fn begin(order: &Order) -> Result<(String, PathBuf), Error> {
    let all = order.home.join("executions");
    fs::create_dir_all(&all).map_err(Error::file("make", &all))?;
    let all = all.canonicalize().map_err(Error::file("find", &all))?;
    let mut now = u64::try_from(Timestamp::now().as_millisecond()).unwrap_or_default();
    loop {
        let id = id(now);
        let directory = all.join(&id);
        match fs::create_dir(&directory) {
            Ok(()) => return Ok((id, directory)),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => now += 1,
            Err(error) => return Err(Error::file("make", &directory)(error)),
        }
    }
}

/// Twelve of `0-9a-z`, as ids of executions are; later ones are behind earlier ones.
fn id(mut number: u64) -> String {
    let mut text = [b'0'; 12];
    for digit in text.iter_mut().rev() {
        let value = u8::try_from(number % 36).unwrap_or_default();
        *digit = if value < 10 { b'0' + value } else { b'a' + value - 10 };
        number /= 36;
    }
    String::from_utf8_lossy(&text).into_owned()
}

fn of_execution(order: &Order, execution: &str, started: Timestamp) -> Map<String, Value> {
    let name = format!("{}-{}", order.stack, order.environment);
    let arn = format!("arn:aws:sagemaker:{}:{ACCOUNT}:pipeline/{name}", order.region);
    let all = json!({
        "PipelineName": name, "PipelineArn": arn, "PipelineExecutionId": execution,
        "PipelineExecutionArn": format!("{arn}/execution/{execution}"),
        "StartDateTime": started.to_string(), "CurrentDateTime": started.to_string(),
    });
    all.as_object().cloned().unwrap_or_default()
}

/// What property files hold, by `step/name`.
fn reports(known: &Known, store: &Store) -> BTreeMap<String, Value> {
    let read = |uri: &str| serde_json::from_slice(&fs::read(store.path(uri).ok()?).ok()?).ok();
    let files = known.property_files.iter();
    files.filter_map(|((step, name), uri)| Some((format!("{step}/{name}"), read(uri)?))).collect()
}

fn result(node: &Node<'_>, status: StepStatus, message: Option<String>) -> StepResult {
    StepResult {
        name: node.name.clone(),
        kind: node.kind.clone(),
        status,
        seconds: node.began.map_or(0.0, |began| began.elapsed().as_secs_f64()),
        message,
        help: None,
        cached_from: None,
        log: None,
        said: Vec::new(),
        outputs: BTreeMap::new(),
        jobs: Vec::new(),
    }
}

impl<'r> Run<'r> {
    /// Adds the steps of a list.
    fn add(&mut self, list: &'r Value) -> Result<(), String> {
        for step in list.as_array().into_iter().flatten() {
            let (Some(name), Some(kind)) = (step["Name"].as_str(), step["Type"].as_str()) else {
                return Err("a step of the definition has no name or no type".to_owned());
            };
            if self.nodes.iter().any(|node| node.name == name) {
                return Err(format!("two steps of the definition are called `{name}`"));
            }
            let mut needs: BTreeSet<String> = values::needs(step).into_iter().collect();
            needs.remove(name);
            self.nodes.push(Node {
                step,
                name: name.to_owned(),
                kind: kind.to_owned(),
                needs,
                began: None,
                ended: None,
                cache: None,
            });
        }
        Ok(())
    }

    fn go_on<'s>(
        &mut self,
        scope: &'s Scope<'s, '_>,
        tell: &Sender<Message>,
        told: &Receiver<Message>,
        events: &mut dyn FnMut(Event),
    ) where
        'r: 's,
    {
        loop {
            // A step that ends at once may be what another waits for.
            while let Some(index) = self.next() {
                self.start(index, scope, tell, events);
            }
            if self.running == 0 {
                break;
            }
            match told.recv_timeout(TICK) {
                Ok(Message::Event(event)) => events(event),
                Ok(Message::Done(name, ended)) => {
                    self.running -= 1;
                    if let Some(index) = self.nodes.iter().position(|node| node.name == name) {
                        self.end(index, *ended, events);
                    }
                }
                Err(_) => {}
            }
        }
        let waits = self.nodes.iter().position(|node| node.ended.is_none());
        if let (None, false, Some(index)) = (&self.failed, self.stop.load(Ordering::Relaxed), waits) {
            let needs: Vec<&str> = self.nodes[index].needs.iter().map(String::as_str).collect();
            let message = format!("it waits for {}, which never end", crate::diag::or_list(needs));
            self.end(index, Err(Failure::from(message)), events);
        }
    }

    /// A step that can begin; nothing begins after a failure.
    fn next(&self) -> Option<usize> {
        if self.failed.is_some() || self.stop.load(Ordering::Relaxed) {
            return None;
        }
        let over = |name: &String| {
            let ended = |inner: &Node<'_>| inner.ended.is_some();
            let Some(node) = self.nodes.iter().find(|node| node.name == *name) else { return false };
            // Who waits for a condition waits for its branch.
            let branch = ["IfSteps", "ElseSteps"].map(|branch| &node.step["Arguments"][branch]);
            let within = branch.iter().flat_map(|list| list.as_array().into_iter().flatten());
            let names: Vec<&str> = within.filter_map(|step| step["Name"].as_str()).collect();
            ended(node) && self.nodes.iter().filter(|it| names.contains(&it.name.as_str())).all(ended)
        };
        let ready =
            |node: &Node<'_>| node.began.is_none() && node.ended.is_none() && node.needs.iter().all(over);
        self.nodes.iter().position(ready)
    }

    fn start<'s>(
        &mut self,
        index: usize,
        scope: &'s Scope<'s, '_>,
        tell: &Sender<Message>,
        events: &mut dyn FnMut(Event),
    ) where
        'r: 's,
    {
        self.nodes[index].began = Some(Instant::now());
        let (step, kind) = (self.nodes[index].step, self.nodes[index].kind.clone());
        if kind == "Condition" {
            return self.decide(index, events);
        }
        if kind == "Fail" {
            let failure = steps::fail(&self.known, self.store, step);
            return self.end(index, Err(failure), events);
        }
        let request = match self.known.resolve(&step["Arguments"], self.store) {
            Ok(request) => request,
            Err(error) => return self.end(index, Err(error.into()), events),
        };
        if kind == "RegisterModel" {
            let registered = registry::register(self.order, self.store, self.execution, &request);
            let done = registered.map(|(offers, registered)| {
                let outputs = [("model_package".to_owned(), registered.directory.clone())].into();
                self.registered.push(registered);
                Done { offers, outputs, ..Done::default() }
            });
            return self.end(index, done.map_err(Failure::from), events);
        }
        if kind == "Model" {
            let name = format!("{}-{}", self.nodes[index].name, self.execution);
            let offers = transform::made(self.order, &name, &request);
            self.models.insert(name, request);
            return self.end(index, Ok(Done { offers, ..Done::default() }), events);
        }
        if !steps::is_job(&kind) {
            let (failure, offers) = steps::skipped(&kind, &request);
            if let Some(offers) = offers {
                self.known.steps.insert(self.nodes[index].name.clone(), offers);
            }
            return self.end(index, Err(failure), events);
        }
        self.nodes[index].cache = cache::place(self.order, self.store, step, &request);
        let kept = self.nodes[index].cache.as_ref().filter(|_| self.order.use_cache);
        if let Some((done, of)) = kept.and_then(|place| cache::find(place, step)) {
            self.nodes[index].cache = None;
            return self.succeed(index, done, Some(of), events);
        }
        events(Event::Started { step: self.nodes[index].name.clone(), kind });
        let work = Work {
            order: self.order,
            store: self.store,
            stop: self.stop,
            permits: self.permits,
            execution: self.execution,
            directory: self.directory,
            step,
            models: self.models.clone(),
            tell: tell.clone(),
        };
        let tell = tell.clone();
        self.running += 1;
        scope.spawn(move || {
            let name = work.name().to_owned();
            let ended = steps::job(&work, &request);
            // Whoever listens waits for this.
            let _ = tell.send(Message::Done(name, Box::new(ended)));
        });
    }

    /// Takes one branch of a condition.
    fn decide(&mut self, index: usize, events: &mut dyn FnMut(Event)) {
        let step = self.nodes[index].step;
        let (holds, found) = match steps::holds(&self.known, self.store, step) {
            Ok(decision) => decision,
            Err(error) => return self.end(index, Err(error.into()), events),
        };
        let (taken, left) = if holds { ("IfSteps", "ElseSteps") } else { ("ElseSteps", "IfSteps") };
        if let Err(error) = self.add(&step["Arguments"][taken]) {
            return self.end(index, Err(error.into()), events);
        }
        let before = self.nodes.len();
        if let Err(error) = self.add(&step["Arguments"][left]) {
            return self.end(index, Err(error.into()), events);
        }
        let word = if holds { "then" } else { "else" };
        let mut ended = result(&self.nodes[index], StepStatus::Succeeded, Some(format!("{found}; {word}")));
        ended.log = None;
        self.nodes[index].ended = Some(StepStatus::Succeeded);
        events(Event::Ended(Box::new(ended.clone())));
        self.results.push(ended);
        for node in self.nodes.iter_mut().skip(before) {
            node.ended = Some(StepStatus::NotTaken);
            self.results.push(result(node, StepStatus::NotTaken, None));
        }
    }

    fn end(&mut self, index: usize, ended: Result<Done, Failure>, events: &mut dyn FnMut(Event)) {
        let failure = match ended {
            Ok(done) => return self.succeed(index, done, None, events),
            Err(failure) => failure,
        };
        let node = &mut self.nodes[index];
        node.ended = Some(failure.status);
        let mut ended = result(node, failure.status, Some(failure.message));
        ended.help = failure.help;
        ended.jobs = failure.jobs;
        let said = failure.log.as_deref().map(crate::local::tail).unwrap_or_default();
        ended.said = said.lines().map(ToOwned::to_owned).collect();
        ended.log = failure.log;
        if failure.status == StepStatus::Failed {
            self.failed.get_or_insert_with(|| ended.name.clone());
        }
        events(Event::Ended(Box::new(ended.clone())));
        self.results.push(ended);
    }

    fn succeed(&mut self, index: usize, done: Done, of: Option<String>, events: &mut dyn FnMut(Event)) {
        let (name, step) = (self.nodes[index].name.clone(), self.nodes[index].step);
        for file in step["PropertyFiles"].as_array().into_iter().flatten() {
            let path = format!(
                "ProcessingOutputConfig.Outputs['{}'].S3Output.S3Uri",
                values::text(&file["OutputName"])
            );
            let Some(uri) = values::find(&done.offers, &path).and_then(Value::as_str) else { continue };
            let uri = format!("{}/{}", uri.trim_end_matches('/'), values::text(&file["FilePath"]));
            self.known.property_files.insert((name.clone(), values::text(&file["PropertyFileName"])), uri);
        }
        if let Some(place) = &self.nodes[index].cache
            && let Err(text) = cache::keep(place, self.execution, &done)
        {
            events(Event::Note { step: name.clone(), text });
        }
        self.nodes[index].ended = Some(StepStatus::Succeeded);
        let mut ended = result(&self.nodes[index], StepStatus::Succeeded, None);
        ended.cached_from = of;
        ended.outputs = done.outputs;
        ended.log = done.jobs.first().map(|job| job.log.clone());
        ended.jobs = done.jobs;
        self.known.steps.insert(name, done.offers);
        events(Event::Ended(Box::new(ended.clone())));
        self.results.push(ended);
    }
}
