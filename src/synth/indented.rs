//! JSON as people read it: byte for byte what `serde_json`'s own pretty form is, with the white space of a line
//! written at once. Templates are deep, and a write for each level of each line takes longer than all the rest.

use std::io::{self, Write};

use serde_json::ser::Formatter;

/// Two spaces a level, one member or item a line.
#[derive(Debug, Default)]
pub(super) struct Indented {
    depth: usize,
    /// Whether the innermost mapping or list has something in it.
    filled: bool,
}

/// A comma, a line break, and as much white space as any line of ours begins with.
const BREAK: &str = concat!(
    ",\n                                                                                ",
    "                                                                                "
);

impl Indented {
    fn open(&mut self, out: &mut (impl Write + ?Sized), bracket: u8) -> io::Result<()> {
        self.depth += 1;
        self.filled = false;
        out.write_all(&[bracket])
    }

    fn close(&mut self, out: &mut (impl Write + ?Sized), bracket: u8) -> io::Result<()> {
        self.depth -= 1;
        if self.filled {
            self.line(out, true)?;
        }
        out.write_all(&[bracket])
    }

    /// Begins a line, after a comma unless it is the first.
    fn line(&self, out: &mut (impl Write + ?Sized), first: bool) -> io::Result<()> {
        let mut rest = 2 * self.depth;
        let start = usize::from(first);
        let at_once = rest.min(BREAK.len() - 2);
        out.write_all(&BREAK.as_bytes()[start..2 + at_once])?;
        rest -= at_once;
        while rest > 0 {
            let more = rest.min(BREAK.len() - 2);
            out.write_all(&BREAK.as_bytes()[2..2 + more])?;
            rest -= more;
        }
        Ok(())
    }
}

impl Formatter for Indented {
    fn begin_array<W: Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        self.open(out, b'[')
    }

    fn end_array<W: Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        self.close(out, b']')
    }

    fn begin_array_value<W: Write + ?Sized>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.line(out, first)
    }

    fn end_array_value<W: Write + ?Sized>(&mut self, _: &mut W) -> io::Result<()> {
        self.filled = true;
        Ok(())
    }

    fn begin_object<W: Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        self.open(out, b'{')
    }

    fn end_object<W: Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        self.close(out, b'}')
    }

    fn begin_object_key<W: Write + ?Sized>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.line(out, first)
    }

    fn begin_object_value<W: Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        out.write_all(b": ")
    }

    fn end_object_value<W: Write + ?Sized>(&mut self, _: &mut W) -> io::Result<()> {
        self.filled = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde::Serialize;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn it_is_the_pretty_form() {
        let deep =
            (0..200).fold(
                json!("x"),
                |inner, level| if level % 2 == 0 { json!([inner]) } else { json!({ "a": inner }) },
            );
        let plain = json!({ "a": [], "b": {}, "c": [[], {}, 1.5, "ü\n", null], "d": { "e": { "f": true }, "g": [1, [2, 3]] } });
        for value in [plain, json!([]), json!("x"), Value::Null, deep] {
            let mut bytes = Vec::new();
            value
                .serialize(&mut serde_json::Serializer::with_formatter(&mut bytes, Indented::default()))
                .unwrap();
            assert_eq!(String::from_utf8(bytes).unwrap(), format!("{value:#}"));
        }
    }
}
