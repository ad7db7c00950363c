//! What can be wrong with a processing job.

use std::collections::BTreeMap;

use super::super::jobs::{self, Brief, at_most, within};
use super::super::places;
use super::{CODE, InputMode, Processing, Scope, This};
use crate::diag::{Code, Issue, Pointer, nearest, or_list};
use crate::rules::local_path::{self, ROOT};
use crate::tables::{JobKind, Purpose};

pub(super) fn check(job: &Processing, this: &This, scope: &Scope<'_>, issues: &mut Vec<Issue>) {
    let at = |key: &str| this.pointer.key(key);
    jobs::check_has_pipeline(&this.name, scope, &this.pointer, issues);
    job.instance.check(JobKind::Processing, scope, &at("instance"), issues);
    job.image.check(Purpose::Processing, &job.instance.kind, scope, &at("image"), issues);
    if let Some(longest) = job.max_runtime {
        // https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ProcessingStoppingCondition.html
        let at = at("max_runtime");
        within("`max_runtime` in seconds", longest.secs(), &(1..=777_600), &at, issues);
    }
    check_program(job, this, scope, issues);
    jobs::check_environment(&job.environment, 100, 256, scope, &at("environment"), issues);
    check_inputs(job, &at("inputs"), scope, issues);
    check_outputs(job, this, scope, issues);
    check_reports(job, &at("reports"), issues);
}

fn check_program(job: &Processing, this: &This, scope: &Scope<'_>, issues: &mut Vec<Issue>) {
    if job.code.is_none() && job.image.framework.is_some() && job.command.is_none() {
        issues.push(
            Issue::new(Code::MissingKey, this.pointer.clone(), format!("`{}` runs nothing", this.name))
                .on_key()
                .help("name the script: `code: code/prepare.py`"),
        );
    }
    if let Some(code) = &job.code
        && (code.is_empty() || code.ends_with('/'))
    {
        let message = format!("`{code}` is no file");
        issues.push(Issue::new(Code::WrongForm, this.pointer.key("code"), message).help("name a script"));
    }
    let at = this.pointer.key("command");
    if let Some(command) = &job.command {
        // https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_AppSpecification.html
        within("the number of words in `command`", command.len(), &(1..=99), &at, issues);
        for (index, word) in command.iter().enumerate() {
            within("the length", word.chars().count(), &(1..=256), &at.index(index), issues);
        }
    }
    let at = this.pointer.key("arguments");
    within("the number of arguments", job.arguments.len(), &(0..=100), &at, issues);
    for (index, argument) in job.arguments.iter().enumerate() {
        at_most("the argument", argument, 256, scope, &at.index(index), issues);
    }
}

fn check_inputs(job: &Processing, pointer: &Pointer, scope: &Scope<'_>, issues: &mut Vec<Issue>) {
    let own = usize::from(job.code.is_some());
    within("the number of inputs, with the script,", job.inputs.len() + own, &(0..=10), pointer, issues);
    let mut places: BTreeMap<String, Pointer> = BTreeMap::new();
    if job.code.is_some() {
        places.insert(CODE.to_owned(), pointer.parent().key("code"));
    }
    for (name, Brief(input)) in &job.inputs {
        let at = pointer.key(name);
        let from = place_of(pointer, name, input.to.is_none(), "from");
        scope.check_data(input.from.as_str(), &from, issues);
        if name == "code" && job.code.is_some() {
            let message = "`code` is the name of the script's own input";
            issues.push(
                Issue::new(Code::DuplicateName, at.clone(), message).on_key().help("choose another name"),
            );
        }
        check_name(name, 64, &at, issues);
        let path = input.path(name);
        let to = if input.to.is_some() { at.key("to") } else { at.clone() };
        check_path(&path, &to, &mut places, issues);
        if input.gzip && input.mode == InputMode::File {
            issues.push(
                Issue::new(Code::PipeOnly, at.key("gzip"), "gzip is unpacked on the way in mode `pipe` only")
                    .help("add `mode: pipe`, or unpack in the script"),
            );
        }
    }
}

/// The place of a member of a brief form: the form itself when it is short.
fn place_of(pointer: &Pointer, name: &str, maybe_short: bool, key: &str) -> Pointer {
    // A pointer to a member that a short form doesn't have falls back to the form itself.
    let at = pointer.key(name);
    if maybe_short { at } else { at.key(key) }
}

fn check_name(name: &str, longest: usize, pointer: &Pointer, issues: &mut Vec<Issue>) {
    // Names stand in paths of references, `Outputs['name']`, and in `name.offer`.
    let good = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.is_empty() || name.len() > longest || !name.chars().all(good) {
        issues.push(
            Issue::new(Code::InvalidName, pointer.clone(), format!("`{name}` cannot be a name here"))
                .on_key()
                .help(format!("use letters, digits, `-` and `_`, at most {longest}")),
        );
    }
}

fn check_path(
    path: &str,
    pointer: &Pointer,
    places: &mut BTreeMap<String, Pointer>,
    issues: &mut Vec<Issue>,
) {
    let clean = path.trim_end_matches('/');
    if !local_path::is_possible(path) {
        issues.push(
            Issue::new(
                Code::LocalPath,
                pointer.clone(),
                format!("`{path}` is not a directory under `{ROOT}`"),
            )
            .label("not possible here")
            .note("containers of processing jobs exchange data under that directory only")
            .help(format!("write `{ROOT}…`, at most 256 characters")),
        );
    } else if let Some(first) = places.get(clean) {
        issues.push(
            Issue::new(Code::LocalPath, pointer.clone(), format!("`{clean}` is used twice"))
                .label("second use")
                .also(first.clone(), "first use")
                .help("give each input and output a directory of its own"),
        );
    } else {
        places.insert(clean.to_owned(), pointer.clone());
    }
}

fn check_outputs(job: &Processing, this: &This, scope: &Scope<'_>, issues: &mut Vec<Issue>) {
    let pointer = this.pointer.key("outputs");
    within("the number of outputs", job.outputs.len(), &(0..=10), &pointer, issues);
    let mut paths = BTreeMap::new();
    for (name, Brief(output)) in &job.outputs {
        let at = pointer.key(name);
        check_name(name, 64, &at, issues);
        let path = if output.to.is_some() { at.key("path") } else { at.clone() };
        check_path(&output.path, &path, &mut paths, issues);
        let Some(to) = &output.to else { continue };
        places::check(to, scope, &at.key("to"), issues);
    }
}

fn check_reports(job: &Processing, pointer: &Pointer, issues: &mut Vec<Issue>) {
    for (name, report) in &job.reports {
        let at = pointer.key(name);
        check_name(name, 64, &at, issues);
        if job.outputs.contains_key(name) {
            issues.push(
                Issue::new(Code::DuplicateName, at.clone(), format!("`{name}` is an output, too"))
                    .on_key()
                    .also(pointer.parent().key("outputs").key(name), "the output")
                    .help("give the report another name: both are offered as `<step>.<name>`"),
            );
        }
        if !job.outputs.contains_key(&report.output) {
            let issue = Issue::new(
                Code::UnknownReference,
                at.key("output"),
                format!("there is no output `{}`", report.output),
            )
            .label("no such output");
            let known = job.outputs.keys().map(String::as_str);
            issues.push(match nearest(&report.output, known.clone()) {
                Some(near) => issue.fix(near, format!("did you mean `{near}`?")),
                None => issue.help(format!("outputs are {}", or_list(known))),
            });
        }
        if report.file.is_empty() || report.file.starts_with('/') || report.file.len() > 1024 {
            issues.push(
                Issue::new(Code::WrongForm, at.key("file"), "a report's file is a path inside its output")
                    .help("write it as in `evaluation.json`, without a `/` first"),
            );
        }
    }
}
