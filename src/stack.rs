//! A stack file becomes a stack: environments, names, references, cycles.

mod names;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use serde_json::Value;

use crate::constructs::{AssetKey, Environment, Exports, Memo, Scope, SourceRequest, StackFile};
use crate::diag::{Code, Issue, Pointer, Severity, nearest, or_list};
use crate::schema::{self, Schema};
use crate::shapes::Shapes;

/// The stack file for one environment, with nothing wrong in it: every name resolves, every bound holds.
#[derive(Debug)]
pub struct Stack {
    file: StackFile,
    environment: String,
    exports: Exports,
    assets: BTreeMap<String, AssetKey>,
    shapes: Shapes,
    made: Memo,
}

impl Stack {
    /// The stack's name.
    pub fn name(&self) -> &str {
        &self.file.name
    }

    /// The environment's name.
    pub fn environment(&self) -> &str {
        &self.environment
    }

    /// The environment's own settings.
    pub fn settings(&self) -> Environment {
        self.file.environments.get(&self.environment).cloned().unwrap_or_default()
    }

    /// The decoded stack file, overrides merged.
    pub fn file(&self) -> &StackFile {
        &self.file
    }

    /// Shapes, some perhaps the project's own.
    pub fn shapes(&self) -> &Shapes {
        &self.shapes
    }

    /// What its constructs see.
    pub fn scope(&self) -> Scope<'_> {
        Scope::new(&self.file, &self.environment, &self.exports, &self.assets, &self.made)
    }
}

/// The schema that explains what decoding refuses; made when something is refused.
static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema::from(json_schema()));

/// The stack file's JSON Schema, for editors and for explaining what is wrong.
pub fn json_schema() -> Value {
    let generator = schemars::generate::SchemaSettings::draft2020_12().into_generator();
    let mut root = schema::with_overrides(generator.into_root_schema_for::<StackFile>().to_value());
    if let Value::Object(members) = &mut root {
        members.insert("title".into(), "smstack stack file".into());
    }
    root
}

/// Names of the environments of a stack file's document, in the order of the file.
pub fn environments(document: &Value) -> Vec<String> {
    let environments = document.get("environments").and_then(Value::as_object);
    environments.map(|environments| environments.keys().cloned().collect()).unwrap_or_default()
}

/// Problems of the document that concern no environment in particular: there must be one, and each must be sound.
pub fn check_environments(document: &Value) -> Vec<Issue> {
    let mut issues = Vec::new();
    let keys = document.as_object().into_iter().flat_map(|members| members.keys().map(String::as_str));
    // A misspelt section is refused as such.
    let misspelt = nearest("environments", keys.filter(|key| *key != "environments")).is_some();
    if document.is_object() && environments(document).is_empty() && !misspelt {
        issues.push(
            Issue::new(Code::MissingKey, Pointer::root(), "no environment is given")
                .label("needs `environments`")
                .help("say where the stack runs: `environments: { dev: { region: us-east-1 } }`"),
        );
    }
    issues
}

/// One environment of a stack file becomes a stack. `value` is the document with the environment's overrides
/// merged, `environments` included; pointers of the issues are places in it. `pack` gets the files and directories
/// of the user's that it needs, in the order of the file, and says where they lie once they are packed, by path as
/// the stack file wrote it; it is not asked when the file cannot be decoded.
pub fn resolve(
    value: &Value,
    environment: &str,
    shapes: &Shapes,
    pack: impl FnOnce(&[SourceRequest]) -> BTreeMap<String, AssetKey>,
) -> (Option<Stack>, Vec<Issue>) {
    let file: StackFile = match schema::decode(value, &SCHEMA) {
        Ok(file) => file,
        Err(issues) => return (None, issues),
    };
    let constructs = file.constructs();
    let sources: Vec<_> =
        constructs.iter().flat_map(|(_, this, construct)| construct.sources(this)).collect();
    let assets = pack(&sources);
    let mut exports = Exports::default();
    for (_, this, construct) in &constructs {
        let mut offered = Exports::default();
        construct.export(
            this,
            &Scope::new(&file, environment, &exports, &assets, &Memo::default()),
            &mut offered,
        );
        exports.extend(offered);
    }
    let mut issues = names::check(&file, environment, &exports);
    let made = Memo::default();
    let seen = Scope::new(&file, environment, &exports, &assets, &made);
    for (_, this, construct) in &constructs {
        construct.check(this, &seen, &mut issues);
    }
    if issues.iter().any(|issue| issue.code.severity() == Severity::Error) {
        return (None, issues);
    }
    let stack =
        Stack { environment: environment.to_owned(), exports, assets, shapes: shapes.clone(), made, file };
    (Some(stack), issues)
}

/// The names asked for, or all; a name that is no environment is an issue at `environments`.
///
/// # Errors
/// A message for the command line that names what there is.
pub fn choose(document: &Value, wanted: &[String]) -> Result<Vec<String>, String> {
    let known = environments(document);
    if wanted.is_empty() {
        return Ok(known);
    }
    let known_set: BTreeSet<&str> = known.iter().map(String::as_str).collect();
    match wanted.iter().find(|name| !known_set.contains(name.as_str())) {
        None => Ok(wanted.to_vec()),
        Some(name) => Err(match nearest(name, known.iter().map(String::as_str)) {
            Some(near) => format!("there is no environment `{name}`: did you mean `{near}`?"),
            None => {
                format!(
                    "there is no environment `{name}`: there is {}",
                    or_list(known.iter().map(String::as_str))
                )
            }
        }),
    }
}
