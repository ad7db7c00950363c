//! What a file of rows holds: columns and their types, told while its bytes pass by, in bounded memory.

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The longest row that is looked at; what has a longer one has no schema.
const LONGEST_ROW: usize = 1 << 20;
/// The most columns.
const MOST_COLUMNS: usize = 8192;

/// A column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its name in the header, or `column_1` and so on where there is none.
    pub name: String,
    /// `integer`, `number`, `boolean`, `text`, `json` (a list or a mapping), or `null` when nothing is in it.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// Whether some rows have nothing in it.
    pub nulls: bool,
}

/// The type of a column: what all its values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// There is no value.
    Null,
    /// `true` or `false`.
    Boolean,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// A list or a mapping.
    Json,
    /// Anything.
    Text,
}

impl Kind {
    /// As descriptions write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Null => "null",
            Kind::Boolean => "boolean",
            Kind::Integer => "integer",
            Kind::Number => "number",
            Kind::Json => "json",
            Kind::Text => "text",
        }
    }

    /// What values of both are.
    fn and(self, other: Kind) -> Kind {
        match (self, other) {
            (same, other) if same == other => same,
            (Kind::Null, other) | (other, Kind::Null) => other,
            (Kind::Integer, Kind::Number) | (Kind::Number, Kind::Integer) => Kind::Number,
            _ => Kind::Text,
        }
    }
}

/// Files with the same columns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schema {
    /// `csv`, `tsv` or `json_lines`.
    pub format: String,
    /// How many files.
    pub files: u64,
    /// Their rows.
    pub rows: u64,
    /// Their columns, in the order of the first file.
    pub columns: Vec<Column>,
}

/// The schemas of several files, those with the same format and names of columns as one, in the order of the files.
pub(super) fn merged<'a>(found: impl Iterator<Item = &'a Schema>) -> Vec<Schema> {
    let mut all: Vec<Schema> = Vec::new();
    for one in found {
        let names = |schema: &Schema| schema.columns.iter().map(|it| it.name.clone()).collect::<Vec<_>>();
        let same = |it: &&mut Schema| it.format == one.format && names(it) == names(one);
        match all.iter_mut().find(same) {
            None => all.push(one.clone()),
            Some(known) => {
                known.files += one.files;
                known.rows += one.rows;
                for (column, more) in known.columns.iter_mut().zip(&one.columns) {
                    column.kind = column.kind.and(more.kind);
                    column.nulls |= more.nulls;
                }
            }
        }
    }
    all
}

/// Looks at a file as its bytes pass by.
pub(super) enum Scan {
    /// Rows of separated values.
    Csv(Box<Csv>),
    /// A JSON object in each line.
    Lines(Lines),
    /// Nothing is known of what is in it.
    Unknown,
}

impl Scan {
    /// By the name of the file.
    pub(super) fn of(path: &str) -> Scan {
        let name = path.to_ascii_lowercase();
        match name.rsplit_once('.').map(|(_, end)| end) {
            Some("csv") => Scan::Csv(Box::new(Csv::new(b',', "csv"))),
            Some("tsv") => Scan::Csv(Box::new(Csv::new(b'\t', "tsv"))),
            Some("jsonl" | "ndjson") => Scan::Lines(Lines::default()),
            _ => Scan::Unknown,
        }
    }

    pub(super) fn feed(&mut self, bytes: &[u8]) {
        let fits = match self {
            Scan::Csv(csv) => bytes.is_empty() || csv.feed(bytes),
            Scan::Lines(lines) => lines.feed(bytes),
            Scan::Unknown => return,
        };
        if !fits {
            *self = Scan::Unknown;
        }
    }

    /// What was seen, when all of it could be read.
    pub(super) fn end(mut self) -> Option<Schema> {
        let fits = match &mut self {
            Scan::Csv(csv) => csv.feed(&[]),
            Scan::Lines(lines) => lines.feed(b"\n"),
            Scan::Unknown => false,
        };
        match self {
            Scan::Csv(csv) if fits => csv.schema(),
            Scan::Lines(lines) if fits => lines.schema(),
            _ => None,
        }
    }
}

/// Rows of separated values.
pub(super) struct Csv {
    format: &'static str,
    reader: Reader,
    /// The row's fields, one after the other, and where each ends.
    row: Vec<u8>,
    filled: usize,
    ends: Vec<usize>,
    fields: usize,
    columns: Vec<Column>,
    rows: u64,
}

impl Csv {
    fn new(delimiter: u8, format: &'static str) -> Csv {
        Csv {
            format,
            reader: ReaderBuilder::new().delimiter(delimiter).build(),
            row: vec![0; 4096],
            filled: 0,
            ends: vec![0; 64],
            fields: 0,
            columns: Vec::new(),
            rows: 0,
        }
    }

    /// Whether the rows can be read so far; no bytes are the end of the file.
    fn feed(&mut self, mut bytes: &[u8]) -> bool {
        loop {
            let (result, read, wrote, ended) =
                self.reader.read_record(bytes, &mut self.row[self.filled..], &mut self.ends[self.fields..]);
            bytes = &bytes[read..];
            self.filled += wrote;
            self.fields += ended;
            match result {
                ReadRecordResult::InputEmpty | ReadRecordResult::End => return true,
                ReadRecordResult::OutputFull if self.row.len() < LONGEST_ROW => {
                    self.row.resize(self.row.len() * 2, 0);
                }
                ReadRecordResult::OutputEndsFull if self.ends.len() < MOST_COLUMNS => {
                    self.ends.resize(self.ends.len() * 2, 0);
                }
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => return false,
                ReadRecordResult::Record => {
                    if !self.take() {
                        return false;
                    }
                    (self.filled, self.fields) = (0, 0);
                }
            }
        }
    }

    /// Takes a row in; rows of different lengths are no table.
    fn take(&mut self) -> bool {
        let Ok(text) = std::str::from_utf8(&self.row[..self.filled]) else { return false };
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let fields = starts.zip(&self.ends).take(self.fields).map(|(from, to)| text.get(from..*to));
        let Some(fields) = fields.collect::<Option<Vec<&str>>>() else { return false };
        if self.columns.is_empty() {
            let is_header = !fields.iter().any(|field| matches!(kind(field), Kind::Integer | Kind::Number));
            let named = |(index, field): (usize, &&str)| Column {
                name: if is_header { field.trim().to_owned() } else { format!("column_{}", index + 1) },
                kind: Kind::Null,
                nulls: false,
            };
            self.columns = fields.iter().enumerate().map(named).collect();
            if is_header {
                return true;
            }
        }
        if fields.len() != self.columns.len() {
            return false;
        }
        self.rows += 1;
        for (column, field) in self.columns.iter_mut().zip(fields) {
            match kind(field) {
                Kind::Null => column.nulls = true,
                _ if column.kind == Kind::Text => {}
                kind => column.kind = column.kind.and(kind),
            }
        }
        true
    }

    fn schema(self: Box<Self>) -> Option<Schema> {
        let (rows, columns) = (self.rows, self.columns);
        (!columns.is_empty()).then(|| Schema { format: self.format.to_owned(), files: 1, rows, columns })
    }
}

/// What the text of a cell is.
fn kind(text: &str) -> Kind {
    match text.trim() {
        "" => Kind::Null,
        "true" | "false" | "True" | "False" | "TRUE" | "FALSE" => Kind::Boolean,
        text if !text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) => Kind::Text,
        text if text.parse::<i64>().is_ok() => Kind::Integer,
        text if text.parse::<f64>().is_ok() => Kind::Number,
        _ => Kind::Text,
    }
}

/// A JSON object in each line.
#[derive(Default)]
pub(super) struct Lines {
    line: Vec<u8>,
    columns: Vec<(Column, u64)>,
    rows: u64,
}

impl Lines {
    fn feed(&mut self, bytes: &[u8]) -> bool {
        for (index, piece) in bytes.split(|byte| *byte == b'\n').enumerate() {
            if index > 0 {
                let line = std::mem::take(&mut self.line);
                if !line.trim_ascii().is_empty() && !self.take(&line) {
                    return false;
                }
            }
            if self.line.len() + piece.len() > LONGEST_ROW {
                return false;
            }
            self.line.extend_from_slice(piece);
        }
        true
    }

    fn take(&mut self, line: &[u8]) -> bool {
        let Ok(Value::Object(members)) = serde_json::from_slice(line) else { return false };
        self.rows += 1;
        for (name, value) in members {
            let kind = match value {
                Value::Null => continue,
                Value::Bool(_) => Kind::Boolean,
                Value::Number(number) if number.is_f64() => Kind::Number,
                Value::Number(_) => Kind::Integer,
                Value::String(_) => Kind::Text,
                Value::Array(_) | Value::Object(_) => Kind::Json,
            };
            let is_full = self.columns.len() == MOST_COLUMNS;
            match self.columns.iter_mut().find(|(column, _)| column.name == name) {
                Some((column, seen)) => {
                    column.kind = column.kind.and(kind);
                    *seen += 1;
                }
                None if is_full => return false,
                None => self.columns.push((Column { name, kind, nulls: false }, 1)),
            }
        }
        true
    }

    fn schema(self) -> Option<Schema> {
        let rows = self.rows;
        let column = |(column, seen): (Column, u64)| Column { nulls: seen < rows, ..column };
        let columns: Vec<Column> = self.columns.into_iter().map(column).collect();
        (rows > 0).then(|| Schema { format: "json_lines".to_owned(), files: 1, rows, columns })
    }
}
