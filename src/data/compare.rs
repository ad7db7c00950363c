//! What changed between two versions: files, rows, schemas.

use std::collections::BTreeMap;

use super::schema::{Column, Schema};
use super::{Description, File};

/// A version with its files.
type Whole<'a> = (&'a Description, &'a [File]);

/// What changed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Difference {
    /// Files that only the second version has.
    pub added: Vec<File>,
    /// Files that only the first version has.
    pub removed: Vec<File>,
    /// Files with another content: as they were, and as they are.
    pub changed: Vec<(File, File)>,
    /// How many files are the same.
    pub same: usize,
    /// What changed of the columns.
    pub schemas: Vec<SchemaDifference>,
}

/// What changed of columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SchemaDifference {
    /// A column that only the second version has.
    Added(Column),
    /// A column that only the first version has.
    Removed(Column),
    /// A column of another type, or that has nulls by now, or none any more.
    Changed(Column, Column),
    /// The columns are the same, in another order.
    Order,
    /// Files with these columns are only in the second version.
    NewSchema(Schema),
    /// Files with these columns are only in the first version.
    OldSchema(Schema),
}

impl Difference {
    /// Whether the versions have the same files.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty()
    }
}

/// Compares two versions.
pub fn compare(old: Whole<'_>, new: Whole<'_>) -> Difference {
    let mut difference =
        Difference { schemas: schemas(&old.0.schemas, &new.0.schemas), ..Difference::default() };
    let mut before: BTreeMap<&str, &File> = old.1.iter().map(|file| (file.path.as_str(), file)).collect();
    for file in new.1 {
        match before.remove(file.path.as_str()) {
            None => difference.added.push(file.clone()),
            Some(was) if was.sha256 == file.sha256 => difference.same += 1,
            Some(was) => difference.changed.push((was.clone(), file.clone())),
        }
    }
    difference.removed = before.into_values().cloned().collect();
    difference
}

/// Of one schema on each side, the columns are compared; of several, which there are.
fn schemas(old: &[Schema], new: &[Schema]) -> Vec<SchemaDifference> {
    if let ([old], [new]) = (old, new)
        && old.format == new.format
    {
        return columns(&old.columns, &new.columns);
    }
    let names = |schema: &Schema| {
        let columns = schema.columns.iter().map(|column| column.name.clone());
        (schema.format.clone(), columns.collect::<Vec<_>>())
    };
    let lacks = |all: &[Schema], one: &Schema| !all.iter().any(|other| names(other) == names(one));
    let mut found: Vec<SchemaDifference> =
        old.iter().filter(|one| lacks(new, one)).cloned().map(SchemaDifference::OldSchema).collect();
    for one in new {
        match old.iter().find(|other| names(other) == names(one)) {
            Some(other) => found.extend(columns(&other.columns, &one.columns)),
            None => found.push(SchemaDifference::NewSchema(one.clone())),
        }
    }
    found
}

fn columns(old: &[Column], new: &[Column]) -> Vec<SchemaDifference> {
    let of = |all: &[Column], name: &str| all.iter().find(|column| column.name == name).cloned();
    let mut found = Vec::new();
    for column in old {
        match of(new, &column.name) {
            None => found.push(SchemaDifference::Removed(column.clone())),
            Some(other) if other != *column => {
                found.push(SchemaDifference::Changed(column.clone(), other));
            }
            Some(_) => {}
        }
    }
    found.extend(
        new.iter().filter(|column| of(old, &column.name).is_none()).cloned().map(SchemaDifference::Added),
    );
    let moved = found.is_empty() && old.iter().zip(new).any(|(a, b)| a.name != b.name);
    if moved {
        found.push(SchemaDifference::Order);
    }
    found
}
