//! Where something stands, as programs are told.

use std::ops::Range;

use serde::Serialize;

use super::inside;
use crate::source::SourceFile;

/// Lines and columns from 1, columns in characters, the end exclusive; nothing where the text is not known.
#[derive(Serialize, Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Region {
    pub(super) line: Option<usize>,
    pub(super) column: Option<usize>,
    pub(super) end_line: Option<usize>,
    pub(super) end_column: Option<usize>,
}

impl Region {
    pub(super) fn of(file: Option<&SourceFile>, span: &Range<usize>) -> Region {
        let Some(file) = file else { return Region::default() };
        let span = inside(file, span);
        let (line, column) = file.line_column(span.start);
        let (end_line, end_column) = file.line_column(span.end);
        Region {
            line: Some(line),
            column: Some(column),
            end_line: Some(end_line),
            end_column: Some(end_column),
        }
    }
}
