//! The only home of Tera: shapes in, JSON resources out.
//!
//! A shape has loops and holes and no logic. Every hole ends in `json_encode()`; a property that renders
//! `null` is absent. Expressions arrive as values, so that no shape writes `Ref` or `Fn::GetAtt` by hand.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use include_dir::{Dir, File, include_dir};
use serde::Serialize;
use serde_json::{Map, Value};
use tera::{Context, Kwargs, State, Tera, TeraResult};

static BUILT_IN: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/templates/shapes");

/// The built-in shapes, parsed: a shape renders many times, and in every environment.
static PARSED: LazyLock<Tera> = LazyLock::new(|| {
    let mut tera = Tera::default();
    tera.register_filter("json_encode", json_encode);
    let shapes = BUILT_IN.files().filter_map(|file| Some((shape_name(file)?, file.contents_utf8()?)));
    tera.add_raw_templates(shapes).expect("the built-in shapes are committed and tested");
    tera
});

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
        let mut names: Vec<String> = BUILT_IN.files().filter_map(shape_name).map(str::to_owned).collect();
        names.sort();
        names
    }

    /// Renders a shape into resources by logical id; what is `null` is left out.
    ///
    /// # Errors
    /// Only an overridden shape can fail: it does not parse, names an unknown value, or renders no JSON object.
    pub fn render(&self, shape: &str, context: &impl Serialize) -> Result<Map<String, Value>, ShapeError> {
        let fail = |problem: String| ShapeError { shape: shape.to_owned(), problem };
        let context =
            Context::from_serialize(context).map_err(|error| fail(format!("got no mapping: {error}")))?;
        let rendered = match self.overrides.get(shape) {
            Some(text) => PARSED.render_str(text, &context, false),
            None => PARSED.render(shape, &context),
        };
        let rendered = rendered.map_err(|error| fail(format!("does not render: {error}")))?;
        match serde_json::from_str(&rendered) {
            Ok(Value::Object(mut resources)) => {
                resources.values_mut().for_each(prune);
                Ok(resources)
            }
            Ok(_) => Err(fail("renders no JSON object".to_owned())),
            Err(error) => Err(fail(format!("renders no JSON: {error}"))),
        }
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
    use serde_json::json;

    use super::*;

    fn check(shape: &str, context: &Value, expected: Result<Value, &str>) {
        let shapes = Shapes::new([("x".to_owned(), shape.to_owned())].into());
        match (shapes.render("x", context), expected) {
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
    fn a_bad_shape_says_so() {
        check("{{ nothing_here | json_encode() }}", &json!({}), Err("does not render"));
        check("{% for %}", &json!({}), Err("does not render"));
        check("[1]", &json!({}), Err("renders no JSON object"));
        check("{", &json!({}), Err("renders no JSON"));
    }
}
