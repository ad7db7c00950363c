//! Regular expressions that read metrics from training logs: what goes wrong with them.
//!
//! AWS does not say by which engine it runs them, so what is offered as a remedy uses no look-around: only
//! groups, classes and anchors, which all engines read alike.

/// A compiled expression. What the small engine takes, it matches as the other does: the lines here are ASCII, and it
/// is ready in a fraction of the time.
#[derive(Debug, Clone)]
pub struct Regex(Engine);

#[derive(Debug, Clone)]
enum Engine {
    Small(regex_lite::Regex),
    Full(fancy_regex::Regex),
}

impl Regex {
    /// Compiles an expression.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(text: &str) -> Result<Regex, String> {
        if let Ok(small) = regex_lite::Regex::new(text) {
            return Ok(Regex(Engine::Small(small)));
        }
        let full = fancy_regex::Regex::new(text).map_err(|error| error.to_string())?;
        Ok(Regex(Engine::Full(full)))
    }

    /// How many capture groups it has.
    fn groups(&self) -> usize {
        match &self.0 {
            Engine::Small(regex) => regex.captures_len() - 1,
            Engine::Full(regex) => regex.captures_len() - 1,
        }
    }

    /// What its first group captures in a line, match by match.
    pub fn captured<'l>(&self, line: &'l str) -> Vec<&'l str> {
        match &self.0 {
            Engine::Small(regex) => {
                regex.captures_iter(line).filter_map(|found| Some(found.get(1)?.as_str())).collect()
            }
            Engine::Full(regex) => {
                let found = regex.captures_iter(line).map_while(Result::ok);
                found.filter_map(|found| Some(found.get(1)?.as_str())).collect()
            }
        }
    }
}

use crate::diag::{Code, Issue, Pointer};

/// Something wrong with the regular expression of a metric.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// It cannot be read.
    DoesNotCompile(String),
    /// It has so many capture groups; one is wanted.
    Groups(usize),
    /// It also takes the value of another label.
    AlsoMatches {
        /// The label that is meant.
        meant: String,
        /// The other label.
        other: String,
    },
    /// It cuts a number such as `1.2e-05` short.
    Truncates {
        /// What it takes of the number.
        taken: String,
    },
}

/// A number as Keras and PyTorch print small ones.
pub const SMALL: &str = "1.2e-05";

/// What training logs look like: labels as Keras, PyTorch and XGBoost print them, with what stands between.
const LINES: [(&[&str], &str); 4] = [
    (&["loss: ", "accuracy: ", "val_loss: ", "val_accuracy: "], " - "),
    (&["train_loss: ", "train_acc: ", "val_loss: ", "val_acc: "], ", "),
    (&["loss=", "accuracy=", "val_loss=", "val_accuracy="], ", "),
    (&["train-rmse:", "validation-rmse:"], "\t"),
];

/// What is wrong with the regular expression `regex`, among those of the other metrics of its job.
pub fn faults(regex: &str, others: &[&str]) -> Vec<Fault> {
    let compiled = match Regex::new(regex) {
        Ok(compiled) => compiled,
        Err(error) => return vec![Fault::DoesNotCompile(error)],
    };
    let groups = compiled.groups();
    if groups != 1 {
        return vec![Fault::Groups(groups)];
    }
    let mut faults = Vec::new();
    faults.extend(also_matches(regex, &compiled, others));
    faults.extend(truncates(regex, &compiled));
    faults
}

/// A regular expression like `regex` without its `faults`, when it has any and is simple enough to be mended.
pub fn mended(regex: &str, others: &[&str], faults: &[Fault]) -> Option<String> {
    if faults.is_empty() {
        return None;
    }
    let (head, rest) = regex.split_once('(')?;
    let (_, tail) = rest.split_once(')')?;
    let guard = if faults.iter().any(|fault| matches!(fault, Fault::AlsoMatches { .. })) {
        "(?:^|[^A-Za-z0-9_-])"
    } else {
        ""
    };
    let better = format!("{guard}{head}([0-9.eE+-]+){tail}");
    self::faults(&better, others).is_empty().then_some(better)
}

/// Says what is wrong with the expression `regex` of the metric `name`, among those of the other metrics of its job.
pub fn check(name: &str, regex: &str, others: &[&str], pointer: &Pointer, issues: &mut Vec<Issue>) {
    let faults = faults(regex, others);
    let mended = mended(regex, others, &faults);
    issues.extend(faults.iter().map(|fault| issue(name, fault, pointer, mended.as_deref())));
}

fn issue(name: &str, fault: &Fault, pointer: &Pointer, mended: Option<&str>) -> Issue {
    let new = |code, message: String| Issue::new(code, pointer.clone(), message);
    let issue = match fault {
        Fault::DoesNotCompile(problem) => {
            return new(Code::MetricRegex, format!("the expression of `{name}` cannot be read: {problem}"))
                .label("not a regular expression, or one of a dialect")
                .help("use groups, classes and anchors only");
        }
        Fault::Groups(groups) => {
            return new(Code::MetricGroups, format!("the expression of `{name}` has {groups} capture groups"))
                .label("one is wanted: the value")
                .help("put the number in `(…)`, and write other groups as `(?:…)`");
        }
        Fault::AlsoMatches { meant, other } => {
            new(Code::MetricOvermatch, format!("`{name}` also takes the value of `{other}`"))
                .label(format!("`{meant}` is the end of `{other}`, too"))
                .note("in a log line with both, the metric jumps between them, and tuning compares what is not comparable")
        }
        Fault::Truncates { taken } => {
            new(Code::MetricTruncates, format!("`{name}` reads `{SMALL}` as {taken}"))
                .label("takes no exponent")
                .note("frameworks print small numbers with an exponent")
        }
    };
    match mended {
        Some(better) => issue.fix(better, format!("write `{better}`")),
        None => issue.help("take the exponent, and what stands before the label, into the expression"),
    }
}

/// Text that stands before the value, where it is plain text, perhaps after anything.
fn label(regex: &str) -> Option<String> {
    let (head, _) = regex.split_once('(')?;
    let head = head.strip_prefix(".*").map_or(head, |head| head.trim_start_matches('?'));
    let mut label = String::new();
    let mut chars = head.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next()? {
                's' => label.push(' '),
                escaped if escaped.is_ascii_alphanumeric() => return None,
                escaped => label.push(escaped),
            },
            '.' | '*' | '+' | '?' | '[' | ']' | '{' | '}' | '|' | '^' | '$' => return None,
            plain => label.push(plain),
        }
    }
    (!label.trim().is_empty()).then_some(label)
}

/// Values of labels in a line, all different.
fn value(index: usize) -> String {
    format!("0.{0}{0}{0}", index + 1)
}

/// Labels of a line whose values the expression takes; it takes none of a line without `word`.
fn taken<'l>(compiled: &Regex, labels: &'l [String], between: &str, word: &str) -> Vec<&'l str> {
    let parts: Vec<String> =
        labels.iter().enumerate().map(|(index, label)| format!("{label}{}", value(index))).collect();
    let line = format!("{}\n", parts.join(between));
    if !line.contains(word) {
        return Vec::new();
    }
    let captured = compiled.captured(&line);
    labels
        .iter()
        .enumerate()
        .filter(|(index, _)| captured.iter().any(|text| text.trim() == value(*index)))
        .map(|(_, label)| label.as_str())
        .collect()
}

/// Whether another label is the same but for blanks before it.
fn same(label: &str) -> impl Fn(&String) -> bool {
    move |other| other.trim_start() == label.trim_start()
}

fn also_matches(regex: &str, compiled: &Regex, others: &[&str]) -> Option<Fault> {
    let own = label(regex);
    // What every match begins with, as far as no other blank may stand in its place.
    let word = own.as_deref().filter(|_| !regex.contains('|')).map_or("", str::trim_end);
    let word = word.rsplit(' ').next().unwrap_or_default();
    let mut lines: Vec<(Vec<String>, &str)> = LINES
        .iter()
        .map(|(labels, between)| (labels.iter().map(|label| (*label).to_owned()).collect(), *between))
        .collect();
    let theirs = others.iter().filter_map(|other| label(other));
    lines.push((
        own.iter().cloned().chain(theirs.filter(|label| !own.as_ref().is_some_and(same(label)))).collect(),
        " - ",
    ));
    lines.iter().find_map(|(labels, between)| {
        let taken = taken(compiled, labels, between, word);
        let meant = own.as_deref().filter(|own| labels.iter().any(|label| label == own));
        let meant = meant.or(taken.first().copied())?;
        let other = taken.iter().find(|label| **label != meant)?;
        let name = |label: &str| label.trim_end_matches([' ', ':', '=']).to_owned();
        Some(Fault::AlsoMatches { meant: name(meant), other: name(other) })
    })
}

fn truncates(regex: &str, compiled: &Regex) -> Option<Fault> {
    let own = label(regex)?;
    let line = format!("{own}{SMALL} - {own}{SMALL}\n");
    let taken = compiled.captured(&line).first()?.trim();
    (taken != SMALL && SMALL.starts_with(taken)).then(|| Fault::Truncates { taken: taken.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_mistakes_are_seen() {
        let also = |meant: &str, other: &str| Fault::AlsoMatches { meant: meant.into(), other: other.into() };
        let cut = || Fault::Truncates { taken: "1.2".into() };
        for (regex, expected) in [
            (r"loss: ([0-9\.]+)", vec![also("loss", "val_loss"), cut()]),
            (r"val_accuracy: ([0-9\.]+)", vec![cut()]),
            (r"val_accuracy: ([0-9.eE+-]+)", vec![]),
            (r"(?:^|[^A-Za-z0-9_-])loss: ([0-9.eE+-]+)", vec![]),
            (r"loss: [0-9]+", vec![Fault::Groups(0)]),
            (r"(loss): ([0-9]+)", vec![Fault::Groups(2)]),
            (r"rmse:(.*?)$", vec![]),
            (r".*loss: ([0-9.eE+-]+)", vec![also("loss", "val_loss")]),
            (r".*val_loss: ([0-9.eE+-]+)", vec![]),
            (r" loss: ([0-9.eE+-]+)", vec![]),
        ] {
            assert_eq!(faults(regex, &[]), expected, "{regex}");
        }
        assert!(matches!(faults("(", &[])[..], [Fault::DoesNotCompile(_)]));
    }

    #[test]
    fn other_metrics_of_the_job_count() {
        let faults = faults(r"f1=([0-9.eE+-]+);", &[r"macro_f1=([0-9.eE+-]+);"]);
        assert!(faults.is_empty(), "the separator is not in the line: {faults:?}");
        for (regex, other) in
            [(" loss: ([0-9.eE+-]+)", "loss: (.*)"), (r"\sloss: ([0-9.eE+-]+)", "loss: (.*)")]
        {
            assert_eq!(super::faults(regex, &[other]), [], "{regex}");
        }
        assert_eq!(
            super::faults(r"f1=([0-9.eE+-]+)", &[r"macro_f1=([0-9.eE+-]+)"]),
            [Fault::AlsoMatches { meant: "f1".into(), other: "macro_f1".into() }]
        );
    }

    #[test]
    fn a_simple_expression_is_mended() {
        for (regex, better) in [
            (r"loss: ([0-9\.]+)", Some("(?:^|[^A-Za-z0-9_-])loss: ([0-9.eE+-]+)")),
            (r"val_accuracy: ([0-9\.]+)", Some("val_accuracy: ([0-9.eE+-]+)")),
            (r"val_accuracy: ([0-9.eE+-]+)", None),
        ] {
            assert_eq!(mended(regex, &[], &faults(regex, &[])).as_deref(), better, "{regex}");
        }
    }
}
