//! IAM statements: what a construct declares that somebody needs.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::json;
use super::{Expr, Map, Value};

/// One statement of a generated policy; always `Allow`.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// What it is for, as a statement id: letters and digits. Statements with one `sid` for one role are merged.
    pub sid: Cow<'static, str>,
    /// Actions, such as `s3:GetObject`.
    pub actions: Vec<Cow<'static, str>>,
    /// Resource ARNs.
    pub resources: Vec<Expr>,
    /// `Condition`, as IAM writes it.
    pub condition: Option<Value>,
}

impl Statement {
    /// A statement without a condition.
    pub fn allow(
        sid: impl Into<Cow<'static, str>>,
        actions: impl IntoIterator<Item = impl Into<Cow<'static, str>>>,
        resources: impl IntoIterator<Item = Expr>,
    ) -> Statement {
        Statement {
            sid: sid.into(),
            actions: actions.into_iter().map(Into::into).collect(),
            resources: resources.into_iter().collect(),
            condition: None,
        }
    }

    /// Holds only under a condition.
    #[must_use]
    pub fn when(mut self, condition: Value) -> Statement {
        self.condition = Some(condition);
        self
    }

    /// Statements as a policy document, those of one sid and condition merged, everything sorted.
    pub fn document(statements: Vec<Statement>) -> Value {
        let mut merged: Vec<Statement> = Vec::new();
        for statement in statements {
            let twin = merged.iter_mut().find(|other| {
                other.sid == statement.sid
                    && other.condition == statement.condition
                    && other.actions == statement.actions
            });
            match twin {
                Some(other) => other.resources.extend(statement.resources),
                None => merged.push(statement),
            }
        }
        merged.sort_by(|a, b| a.sid.cmp(&b.sid));
        let mut seen = BTreeMap::<_, usize>::new();
        let statements: Vec<Value> = merged
            .into_iter()
            .map(|statement| {
                let nth = seen.entry(statement.sid.clone()).or_default();
                *nth += 1;
                let sid =
                    if *nth == 1 { statement.sid.clone() } else { format!("{}{nth}", statement.sid).into() };
                statement.into_value(sid)
            })
            .collect();
        json!({ "Version": "2012-10-17", "Statement": statements })
    }

    fn into_value(self, sid: Cow<'static, str>) -> Value {
        let Statement { mut actions, resources, condition, .. } = self;
        actions.sort();
        actions.dedup();
        let mut resources: Vec<Value> = resources.into_iter().map(Expr::into_value).collect();
        if resources.len() > 1 {
            resources.sort_by_cached_key(json::text);
            resources.dedup();
        }
        let mut statement = Map::with_capacity(5);
        statement.insert("Sid", json!(sid));
        statement.insert("Effect", json!("Allow"));
        statement.insert("Action", json!(actions));
        statement.insert("Resource", one_or_many(resources));
        if let Some(condition) = condition {
            statement.insert("Condition", condition);
        }
        Value::Object(statement)
    }
}

fn one_or_many(mut values: Vec<Value>) -> Value {
    if values.len() == 1 { values.remove(0) } else { Value::Array(values) }
}
