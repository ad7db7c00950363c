//! The only home of Tera: shapes in, JSON resources out.
//!
//! A shape has loops and holes and no logic. Every hole ends in `json_encode()`; a property that renders
//! `null` is absent. Expressions arrive as values, so that no shape writes `Ref` or `Fn::GetAtt` by hand.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{LazyLock, OnceLock};

use include_dir::{Dir, File, include_dir};
use tera::{Context, Kwargs, State, Tera, TeraResult};

use crate::cfn::{Map, Value};

static BUILT_IN: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/templates/shapes");

/// Renders what has loops, and the forms.
static ENGINE: LazyLock<Tera> = LazyLock::new(|| {
    let mut tera = Tera::default();
    tera.register_filter("json_encode", json_encode);
    tera
});

/// The forms of the built-in shapes that have one: a shape renders many times, and in every environment.
static FORMS: LazyLock<BTreeMap<&str, BuiltIn>> = LazyLock::new(|| {
    let shapes = BUILT_IN.files().filter_map(|file| Some((shape_name(file)?, file.contents_utf8()?)));
    shapes.map(|(name, text)| (name, BuiltIn { text, form: OnceLock::new() })).collect()
});

struct BuiltIn {
    text: &'static str,
    form: OnceLock<Option<Form>>,
}

impl BuiltIn {
    fn form(&self) -> Option<&Form> {
        let form = || {
            let Form { resources, holes } = Form::of(self.text)?;
            Some(Form { resources: resources.lasting(), holes })
        };
        self.form.get_or_init(form).as_ref()
    }
}

/// A shape that does not parse, does not render, or does not render JSON.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the shape `{shape}` {problem}")]
pub struct ShapeError {
    /// The shape's name: its path under `templates/`, without `.json`.
    pub shape: String,
    /// What is wrong.
    pub problem: String,
}

/// The shapes of smstack, some perhaps replaced by the project's own.
#[derive(Debug, Clone, Default)]
pub struct Shapes {
    overrides: BTreeMap<String, String>,
}

impl Shapes {
    /// The built-in shapes, those named in `overrides` replaced: name → text.
    pub fn new(overrides: BTreeMap<String, String>) -> Shapes {
        Shapes { overrides }
    }

    /// Names of the built-in shapes, sorted.
    pub fn names() -> Vec<String> {
        FORMS.keys().map(|name| (*name).to_owned()).collect()
    }

    /// Reads the built-in shapes, which otherwise happens when each is first rendered.
    pub fn prepare() {
        for shape in FORMS.values() {
            shape.form();
        }
    }

    /// Renders a shape into resources by logical id; what is `null` is left out.
    ///
    /// # Errors
    /// Only an overridden shape can fail: it does not parse, names an unknown value, or renders no JSON object.
    pub fn render(&self, shape: &str, context: Value) -> Result<Map, ShapeError> {
        let fail = |problem| ShapeError { shape: shape.to_owned(), problem };
        let Value::Object(context) = context else { return Err(fail("got no mapping".to_owned())) };
        let own;
        let (text, form) = match (self.overrides.get(shape), FORMS.get(shape)) {
            (Some(text), _) => {
                own = Form::of(text);
                (text.as_str(), own.as_ref())
            }
            (None, Some(shape)) => (shape.text, shape.form()),
            (None, None) => return Err(fail("is not there".to_owned())),
        };
        match form {
            Some(form) => form.fill(context),
            None => resources(text, &Value::Object(context)).map(|mut resources| {
                resources.values_mut().for_each(prune);
                resources
            }),
        }
        .map_err(fail)
    }
}

/// What stands for a hole's value in a form, before the value's name.
const MARK: &str = "\u{10FFFF}";

/// A shape that has nothing but plain holes, parsed once, with marks in its holes: to render it is to put values in
/// their place. Taking values through text, as the engine does, costs several times as much.
struct Form {
    /// The resources, with marks.
    resources: Map,
    /// Names of the values, in the order of their holes.
    holes: Vec<String>,
}

impl Form {
    /// The form of a shape; none for one that has loops, asks for a part of a value, or is no mapping: the engine
    /// says what is wrong with that.
    fn of(text: &str) -> Option<Form> {
        if text.contains("{%") || text.contains("{#") {
            return None;
        }
        let mut parts = text.split("{{");
        let mut marked = parts.next().unwrap_or_default().to_owned();
        let mut holes = Vec::new();
        for part in parts {
            let (hole, rest) = part.split_once("}}")?;
            let name = plain(hole)?;
            marked.extend(["\"", MARK, name, "\"", rest]);
            holes.push(name.to_owned());
        }
        Some(Form { resources: parsed(&marked).ok()?, holes })
    }

    fn fill(&self, context: Map) -> Result<Map, String> {
        let mut fill = Fill { form: self, context };
        let entries = self.resources.entries().iter();
        let resources = entries.map(|(id, resource)| Ok((fill.key(id.clone())?, fill.value(resource)?)));
        resources.collect::<Result<_, _>>().map(Map::of)
    }
}

/// Values on their way into a form.
struct Fill<'f> {
    form: &'f Form,
    context: Map,
}

impl Fill<'_> {
    fn value(&mut self, value: &Value) -> Result<Value, String> {
        Ok(match value {
            Value::String(text) => match text.strip_prefix(MARK) {
                Some(name) => self.take(name)?,
                None => value.clone(),
            },
            Value::Array(items) => items.iter().map(|item| self.value(item)).collect::<Result<_, _>>()?,
            Value::Object(members) => {
                let mut filled = Vec::with_capacity(members.len());
                for (key, member) in members.entries() {
                    let member = self.value(member)?;
                    if !member.is_null() {
                        filled.push((self.key(key.clone())?, member));
                    }
                }
                Value::Object(Map::of(filled))
            }
            plain => plain.clone(),
        })
    }

    fn key(&mut self, key: Cow<'static, str>) -> Result<Cow<'static, str>, String> {
        let Some(name) = key.strip_prefix(MARK) else { return Ok(key) };
        match self.take(name)? {
            Value::String(key) => Ok(key),
            _ => Err(format!("renders no JSON: `{name}` is a key and no text")),
        }
    }

    /// The value of a hole; it is moved into the only hole that asks for it.
    fn take(&mut self, name: &str) -> Result<Value, String> {
        let there =
            self.context.get_mut(name).ok_or_else(|| format!("does not render: there is no `{name}`"))?;
        let once = self.form.holes.iter().filter(|hole| *hole == name).count() == 1;
        let mut value = if once { there.take() } else { there.clone() };
        prune(&mut value);
        Ok(value)
    }
}

/// The name in a hole that reads `name | json_encode()`.
fn plain(hole: &str) -> Option<&str> {
    let (name, filter) = hole.split_once('|')?;
    let name = name.trim();
    let simple = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    (simple && filter.trim() == "json_encode()").then_some(name)
}

/// What the engine makes of a shape.
fn resources(text: &str, context: &Value) -> Result<Map, String> {
    let context = Context::from_serialize(context).map_err(|error| format!("got no mapping: {error}"))?;
    let rendered =
        ENGINE.render_str(text, &context, false).map_err(|error| format!("does not render: {error}"))?;
    parsed(&rendered)
}

fn parsed(text: &str) -> Result<Map, String> {
    match serde_json::from_str(text) {
        Ok(Value::Object(resources)) => Ok(resources),
        Ok(_) => Err("renders no JSON object".to_owned()),
        Err(error) => Err(format!("renders no JSON: {error}")),
    }
}

fn shape_name(file: &'static File<'static>) -> Option<&'static str> {
    file.path().to_str()?.strip_suffix(".json")
}

fn json_encode(value: &tera::Value, _: Kwargs, _: &State) -> TeraResult<String> {
    if value.is_undefined() {
        return Err(tera::Error::message("a hole names a value that is not there"));
    }
    serde_json::to_string(value).map_err(|error| tera::Error::message(error.to_string()))
}

/// Removes members that are `null`, at every depth.
fn prune(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|_, member| !member.is_null());
            members.values_mut().for_each(prune);
        }
        Value::Array(items) => items.iter_mut().for_each(prune),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cfn::json;

    fn check(shape: &str, context: &Value, expected: Result<Value, &str>) {
        let shapes = Shapes::new([("x".to_owned(), shape.to_owned())].into());
        match (shapes.render("x", context.clone()), expected) {
            (Ok(resources), Ok(expected)) => assert_eq!(Value::Object(resources), expected),
            (Err(error), Err(expected)) => assert!(error.to_string().contains(expected), "{error}"),
            (got, _) => panic!("{got:?}"),
        }
    }

    #[test]
    fn holes_are_json_and_null_is_absent() {
        check(
            r#"{ {{ id | json_encode() }}: { "A": {{ a | json_encode() }}, "B": {{ b | json_encode() }} } }"#,
            &json!({ "id": "X", "a": "\"quoted\" ${x}", "b": null }),
            Ok(json!({ "X": { "A": "\"quoted\" ${x}" } })),
        );
        check(
            r#"{ "X": { "L": [{% for i in list %}{{ i | json_encode() }}{% if not loop.last %},{% endif %}{% endfor %}] } }"#,
            &json!({ "list": [{ "Ref": "A" }, 2] }),
            Ok(json!({ "X": { "L": [{ "Ref": "A" }, 2] } })),
        );
    }

    #[test]
    fn a_form_renders_what_the_engine_renders() {
        let values =
            [json!("a \"b\" ${c}"), json!({ "Ref": "A", "N": null }), json!([1, 2.0, null]), json!(null)];
        for (name, shape) in FORMS.iter() {
            let form = shape.form().unwrap_or_else(|| panic!("{name} has no form"));
            let keys: Vec<&str> = form.resources.keys().collect();
            let mut context = Map::new();
            for (nth, hole) in form.holes.iter().enumerate() {
                // What is a key in the shape has to be text; so it is here wherever it may be one.
                let key = keys.contains(&format!("{MARK}{hole}").as_str()) || hole.ends_with("_key");
                let value = if key { json!(hole) } else { values[nth % values.len()].clone() };
                context.insert(hole.clone(), value);
            }
            let mut expected = resources(shape.text, &Value::Object(context.clone())).unwrap();
            expected.values_mut().for_each(prune);
            assert_eq!(form.fill(context).unwrap(), expected, "{name}");
        }
    }

    #[test]
    fn a_bad_shape_says_so() {
        check("{{ nothing_here | json_encode() }}", &json!({}), Err("does not render"));
        check("{% for %}", &json!({}), Err("does not render"));
        check("[1]", &json!({}), Err("renders no JSON object"));
        check("{", &json!({}), Err("renders no JSON"));
    }
}
