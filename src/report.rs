//! The only room that prints.
#[cfg(feature = "aws")]
pub mod deploy;
#[cfg(feature = "aws")]
pub mod local;
use crate::diag::*;
use crate::source::SourceFile;
pub fn out(t: &str) {
    anstream::print!("{t}");
}
pub fn err(t: &str) {
    anstream::eprint!("{t}");
}
pub fn json(v: &serde_json::Value) {
    out(&format!("{v:#}\n"))
}
pub fn error(e: &anyhow::Error) {
    err(&format!("error: {e:#}\n"))
}
pub fn failure(e: &str, help: Option<&str>) {
    err(&format!("error: {e}\n"));
    if let Some(h) = help {
        err(&format!("  = help: {h}\n"))
    }
}
pub fn is_live() -> bool {
    false
}
pub fn ask(_: &str) -> bool {
    false
}
pub fn assembly(a: &crate::synth::Assembly, d: &std::path::Path) {
    out(&format!("{} {}\n", a.manifest.stack, d.display()))
}
pub fn diagnostics(f: &[SourceFile], d: &[Diagnostic]) {
    err(&d
        .iter()
        .map(|d| {
            let (l, c) =
                f.iter().find(|f| f.path() == d.file).map_or((0, 0), |f| f.line_column(d.primary.span.start));
            format!(
                "{:?}[{}] {}:{l}:{c} {} | {} | {:?}\n",
                d.severity(),
                d.code.as_str(),
                d.file,
                d.message,
                d.primary.text,
                d.help
            )
        })
        .collect::<String>());
}
pub fn diagnostics_json(_: &[SourceFile], d: &[Diagnostic]) -> String {
    format!("{}", d.len())
}
