//! Where a `Get` leads: to a parameter, a variable of the execution, or a member of what a step answers.

use serde_json::Value;

use super::expression::{self, Class, classify};
use super::model::items;
use super::{Definition, Step};
use crate::diag::{Code, Issue, Pointer, nearest, or_list};
use crate::tables::{self, ApiKind, ApiShape};

/// Variables of an execution.
const VARIABLES: [&str; 8] = [
    "CurrentDateTime",
    "PipelineArn",
    "PipelineExecutionArn",
    "PipelineExecutionId",
    "PipelineName",
    "ProcessingJobName",
    "StartDateTime",
    "TrainingJobName",
];

/// Where references begin.
const ROOTS: [&str; 7] = [
    "Execution",
    "ForEach",
    "IterationOutput",
    "MlflowConfig",
    "Parameters",
    "PipelineExperimentConfig",
    "Steps",
];

/// Values of a `ForEach` step beside those of its iterations.
const AGGREGATES: [(&str, Type); 6] = [
    ("FailedStepCount", Type::Integer),
    ("InputItemCount", Type::Integer),
    ("Status", Type::Text),
    ("StoppedStepCount", Type::Integer),
    ("SucceededStepCount", Type::Integer),
    ("TotalStepCount", Type::Integer),
];

/// `ListTrainingJobsForHyperParameterTuningJob` is asked for one page of so many.
const MOST_SUMMARIES: usize = 50;

/// The type of a value of an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    /// Text.
    Text,
    /// A whole number.
    Integer,
    /// A number.
    Float,
    /// `true` or `false`.
    Boolean,
}

impl Type {
    /// The type that a parameter or an output says.
    pub(super) fn parse(name: &str) -> Option<Type> {
        match name {
            "String" => Some(Type::Text),
            "Integer" => Some(Type::Integer),
            "Float" => Some(Type::Float),
            "Boolean" => Some(Type::Boolean),
            _ => None,
        }
    }

    /// As people say it.
    pub(super) fn said(self) -> &'static str {
        match self {
            Type::Text => "text",
            Type::Integer => "a whole number",
            Type::Float => "a number",
            Type::Boolean => "`true` or `false`",
        }
    }

    /// The type of a shape's values, when it is a scalar.
    pub(super) fn of(shape: ApiShape) -> Option<Type> {
        match shape.kind() {
            ApiKind::String => Some(Type::Text),
            ApiKind::Integer => Some(Type::Integer),
            ApiKind::Float => Some(Type::Float),
            ApiKind::Boolean => Some(Type::Boolean),
            _ => None,
        }
    }
}

/// The type of a literal or an expression, where it is known.
pub(super) fn type_of(value: &Value, definition: &Definition<'_>) -> Option<Type> {
    match classify(value) {
        Class::Literal(Value::String(_)) | Class::Join(_) => Some(Type::Text),
        Class::Literal(Value::Bool(_)) => Some(Type::Boolean),
        Class::Literal(Value::Number(number)) => {
            Some(if number.is_f64() { Type::Float } else { Type::Integer })
        }
        Class::Get(path) => follow(path.as_str()?, definition).ok().flatten(),
        _ => None,
    }
}

/// What is wrong with a reference.
#[derive(Debug)]
pub(super) struct Fault {
    code: Code,
    message: String,
    help: String,
    /// The whole path, mended.
    fix: Option<String>,
}

impl Fault {
    fn new(code: Code, message: String, help: impl Into<String>) -> Fault {
        Fault { code, message, help: help.into(), fix: None }
    }

    /// The problem at the place of the path.
    pub(super) fn issue(self, at: Pointer) -> Issue {
        let issue = Issue::new(self.code, at, self.message).label("leads nowhere");
        match self.fix {
            Some(fix) => {
                let title = format!("did you mean `{fix}`?");
                issue.fix(fix, title)
            }
            None => issue.help(self.help),
        }
    }
}

/// A fault of a name for which there may be a near one.
fn unknown<'k>(
    word: &str,
    message: String,
    known: impl IntoIterator<Item = &'k str> + Clone,
    path: &str,
) -> Fault {
    let near = nearest(word, known.clone());
    let all: Vec<&str> = known.into_iter().collect();
    let help = if all.is_empty() {
        "there are none: leave the reference away".to_owned()
    } else {
        format!("there is {}", or_list(all.iter().copied().take(20)).replace(" or ", " and "))
    };
    let mut fault = Fault::new(Code::UnknownReference, message, help);
    fault.fix = near.filter(|_| !word.is_empty()).map(|near| path.replacen(word, near, 1));
    fault
}

/// A word of a path.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Word<'p> {
    Member(&'p str),
    Index(usize),
    Key(&'p str),
}

/// The words of `A.B[0]['c'].D`; none where it cannot be read.
fn words(path: &str) -> Option<Vec<Word<'_>>> {
    let mut found = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(inside) = rest.strip_prefix("['").or_else(|| rest.strip_prefix("[\"")) {
            let close = if rest.starts_with("['") { "']" } else { "\"]" };
            let (key, after) = inside.split_once(close)?;
            found.push(Word::Key(key));
            rest = after;
        } else if let Some(inside) = rest.strip_prefix('[') {
            let (index, after) = inside.split_once(']')?;
            found.push(Word::Index(index.parse().ok()?));
            rest = after;
        } else {
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            if end == 0 {
                return None;
            }
            found.push(Word::Member(&rest[..end]));
            rest = &rest[end..];
        }
        match rest.strip_prefix('.') {
            Some("") => return None,
            Some(after) => rest = after,
            None if rest.is_empty() || rest.starts_with('[') => {}
            None => return None,
        }
    }
    Some(found)
}

/// The name of the step that a path begins at.
pub(super) fn step_name(path: &str) -> Option<&str> {
    let rest = path.strip_prefix("Steps.")?;
    Some(&rest[..rest.find(['.', '[']).unwrap_or(rest.len())])
}

/// The type of what a path leads to; none where that cannot be known.
///
/// # Errors
/// When it leads nowhere.
pub(super) fn follow(path: &str, definition: &Definition<'_>) -> Result<Option<Type>, Fault> {
    let (root, rest) = path.split_once('.').unwrap_or((path, ""));
    if !ROOTS.contains(&root) {
        let message = format!("references begin at parameters, steps or the execution, not at `{root}`");
        return Err(unknown(root, message, ROOTS, path));
    }
    if rest.is_empty() {
        let message = format!("`{path}` says nothing of what is wanted");
        return Err(Fault::new(Code::BadExpression, message, format!("write `{root}.<name>`")));
    }
    match root {
        "Parameters" => {
            let Some(parameter) = definition.parameters.get(rest) else {
                let message = format!("there is no parameter `{rest}`");
                return Err(unknown(rest, message, definition.parameters.keys().copied(), path));
            };
            Ok(Type::parse(parameter.kind))
        }
        "Execution" => {
            if !VARIABLES.contains(&rest) {
                let message = format!("an execution has no variable `{rest}`");
                return Err(unknown(rest, message, VARIABLES, path));
            }
            Ok(if rest.ends_with("DateTime") { None } else { Some(Type::Text) })
        }
        "PipelineExperimentConfig" => {
            let known = ["ExperimentName", "TrialName"];
            if !known.contains(&rest) {
                let message = format!("the experiment has no `{rest}`");
                return Err(unknown(rest, message, known, path));
            }
            Ok(Some(Type::Text))
        }
        "Steps" => follow_step(path, definition),
        "ForEach"
            if rest
                .strip_prefix("CurrentItem")
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '['])) =>
        {
            Ok(None)
        }
        "ForEach" => {
            let message = format!("an iteration has no `{rest}`");
            Err(unknown(rest.split(['.', '[']).next().unwrap_or_default(), message, ["CurrentItem"], path))
        }
        _ => Ok(None),
    }
}

fn follow_step(path: &str, definition: &Definition<'_>) -> Result<Option<Type>, Fault> {
    let name = step_name(path).unwrap_or_default();
    let Some(step) = definition.step(name) else {
        let message = format!("there is no step `{name}`");
        return Err(unknown(name, message, definition.by_name.keys().copied(), path));
    };
    let rest = path["Steps.".len() + name.len()..].trim_start_matches('.');
    let Some(words) = words(rest) else {
        let message = format!("`{path}` cannot be read");
        let help = "write `Steps.<step>.Member.Member`, `[0]` for an item, and `['name']` for a name";
        return Err(Fault::new(Code::BadExpression, message, help));
    };
    inside(&words, step, path, definition)
}

/// The type of a value of a step.
fn inside(
    words: &[Word<'_>],
    step: &Step<'_>,
    path: &str,
    definition: &Definition<'_>,
) -> Result<Option<Type>, Fault> {
    let Some(kind) = step.kind else { return Ok(None) };
    let Some(first) = words.first() else {
        let message = format!("`{path}` names a step, and none of its values");
        return Err(Fault::new(Code::BadExpression, message, "say which value: `Steps.<step>.<member>`"));
    };
    if let Word::Member("PropertyFiles") = first {
        let message = format!("`{path}` is a file, and not a value");
        let help = "read a value from it: `{\"Std:JsonGet\": {\"PropertyFile\": {\"Get\": …}, \"Path\": …}}`";
        return Err(Fault::new(Code::WrongReference, message, help));
    }
    match kind.name {
        "Lambda" | "Callback" => return output_parameter(words, step, path),
        "ForEach" => return for_each(words, step, path, definition),
        _ => {}
    }
    if let Word::Member(member) = first
        && kind.values.contains(member)
    {
        return Ok(None);
    }
    if kind.answers.is_empty() {
        let message = format!("a {} step has no such value", kind.name);
        if kind.values.is_empty() {
            let help = format!("{} has no values to refer to", step.called());
            return Err(Fault::new(Code::WrongReference, message, help));
        }
        let word = if let Word::Member(member) = first { member } else { "" };
        return Err(unknown(word, message, kind.values.iter().copied(), path));
    }
    let mut fault = None;
    for answer in answers(step) {
        let Some(shape) = tables::api(answer) else { return Ok(None) };
        match walk(shape, words, step, path) {
            Ok(found) => return Ok(found),
            Err(found) => fault = fault.or(Some(found)),
        }
    }
    fault.map_or(Ok(None), Err)
}

/// What a reference to the step walks: the first version of AutoML answers otherwise than the second.
fn answers(step: &Step<'_>) -> Vec<&'static str> {
    let kind = step.kind.map_or(&[] as &[&str], |kind| kind.answers);
    let first = step.is("AutoML").then_some("DescribeAutoMLJobResponse");
    kind.iter().copied().chain(first).collect()
}

fn walk(mut shape: ApiShape, words: &[Word<'_>], step: &Step<'_>, path: &str) -> Result<Option<Type>, Fault> {
    let mut list = "";
    for word in words {
        let next = match (shape.kind(), word) {
            (ApiKind::Structure, Word::Member(member)) => {
                list = member;
                let Some(next) = shape.member(member) else {
                    let message = format!("{} answers no `{member}` there", step.called());
                    let known: Vec<&str> = shape.members().map(|(name, _)| name).collect();
                    return Err(unknown(member, message, known, path));
                };
                Some(next)
            }
            (ApiKind::List, Word::Index(index)) => {
                if list == "TrainingJobSummaries" && *index >= MOST_SUMMARIES {
                    let message = format!("`{path}` is beyond the {MOST_SUMMARIES} best training jobs");
                    return Err(Fault::new(Code::OutOfBounds, message, "take an index of 0 to 49"));
                }
                shape.element()
            }
            (ApiKind::List, Word::Key(key)) => {
                declared(list, key, step, path)?;
                shape.element()
            }
            (ApiKind::Map, Word::Key(_) | Word::Member(_)) => shape.value(),
            (ApiKind::Timestamp | ApiKind::Blob, _) => return Ok(None),
            _ => None,
        };
        let Some(next) = next else {
            let message = format!("`{path}` does not fit what {} answers", step.called());
            let help = match shape.kind() {
                ApiKind::List => format!("`{list}` is a list: take an item by `[0]` or `['name']`"),
                ApiKind::Structure => format!("`{list}` has members: take one by `.Member`"),
                _ => format!("`{list}` is one value: end the path there"),
            };
            return Err(Fault::new(Code::UnknownReference, message, help));
        };
        shape = next;
    }
    match shape.kind() {
        ApiKind::Structure | ApiKind::List | ApiKind::Map => {
            let message = format!("`{path}` is more than one value");
            let help = match shape.kind() {
                ApiKind::Structure => {
                    format!(
                        "take one of its members: {}",
                        or_list(shape.members().map(|(name, _)| name).take(12))
                    )
                }
                _ => "take one of its items".to_owned(),
            };
            Err(Fault::new(Code::WrongReference, message, help))
        }
        _ => Ok(Type::of(shape)),
    }
}

/// Items that are named by the step's own arguments must be there.
fn declared(list: &str, key: &str, step: &Step<'_>, path: &str) -> Result<(), Fault> {
    let arguments = step.arguments();
    let (given, name) = match list {
        "Outputs" => (&arguments["ProcessingOutputConfig"]["Outputs"], "OutputName"),
        "ProcessingInputs" => (&arguments["ProcessingInputs"], "InputName"),
        "FinalMetricDataList" => (&arguments["AlgorithmSpecification"]["MetricDefinitions"], "Name"),
        _ => return Ok(()),
    };
    let names: Vec<Option<&str>> = items(given).map(|(_, item)| expression::text(&item[name])).collect();
    let open = names.iter().any(Option::is_none) || list == "FinalMetricDataList" && names.is_empty();
    if open || names.contains(&Some(key)) || !given.is_array() && !given.is_null() {
        return Ok(());
    }
    let what = match list {
        "Outputs" => "output",
        "ProcessingInputs" => "input",
        _ => "metric",
    };
    let message = format!("{} has no {what} `{key}`", step.called());
    Err(unknown(key, message, names.into_iter().flatten().collect::<Vec<_>>(), path))
}

fn output_parameter(words: &[Word<'_>], step: &Step<'_>, path: &str) -> Result<Option<Type>, Fault> {
    let [Word::Member("OutputParameters"), Word::Key(name)] = words else {
        let message = format!("{} gives its output parameters only", step.called());
        let help = "write `Steps.<step>.OutputParameters['<name>']`";
        return Err(Fault::new(Code::UnknownReference, message, help));
    };
    let given = &step.value["OutputParameters"];
    let found = items(given).find(|(_, output)| output["OutputName"].as_str() == Some(name));
    if let Some((_, output)) = found {
        return Ok(output["OutputType"].as_str().and_then(Type::parse));
    }
    let names: Vec<&str> = items(given).filter_map(|(_, output)| output["OutputName"].as_str()).collect();
    if names.len() < given.as_array().map_or(0, Vec::len) {
        return Ok(None);
    }
    let message = format!("{} has no output parameter `{name}`", step.called());
    Err(unknown(name, message, names, path))
}

fn for_each(
    words: &[Word<'_>],
    step: &Step<'_>,
    path: &str,
    definition: &Definition<'_>,
) -> Result<Option<Type>, Fault> {
    match words {
        [Word::Member("IterationOutputs"), Word::Index(_), Word::Member(body), rest @ ..] => {
            let bodies: Vec<&str> = items(&step.arguments()["ForEachBody"])
                .filter_map(|(_, body)| body["Name"].as_str())
                .collect();
            if let Some(body) = definition.step(body).filter(|_| bodies.contains(body)) {
                return inside(rest, body, path, definition);
            }
            let message = format!("the body of {} has no step `{body}`", step.called());
            Err(unknown(body, message, bodies, path))
        }
        [Word::Member("Selected"), rest @ ..] => {
            let field = step.arguments()["Selector"]["Field"]["Get"].as_str().unwrap_or_default();
            let body = field.strip_prefix("IterationOutput.").map(|rest| rest.split(['.', '[']).next());
            match body.flatten().and_then(|name| definition.step(name)) {
                Some(body) => inside(rest, body, path, definition),
                None => Ok(None),
            }
        }
        [Word::Member(member)] if AGGREGATES.iter().any(|(name, _)| name == member) => {
            Ok(AGGREGATES.iter().find(|(name, _)| name == member).map(|(_, kind)| *kind))
        }
        [first, ..] => {
            let word = if let Word::Member(member) = first { member } else { "" };
            let known = AGGREGATES.iter().map(|(name, _)| *name).chain(["IterationOutputs", "Selected"]);
            let message = format!("{} has no such value", step.called());
            Err(unknown(word, message, known.collect::<Vec<_>>(), path))
        }
        [] => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read() {
        assert_eq!(
            words("A.B[0]['c.d'].E"),
            Some(vec![
                Word::Member("A"),
                Word::Member("B"),
                Word::Index(0),
                Word::Key("c.d"),
                Word::Member("E")
            ])
        );
        for bad in ["A.", ".A", "A..B", "A[", "A[x]", "A['b'", "A[0]b"] {
            assert_eq!(words(bad), None, "{bad}");
        }
    }
}
