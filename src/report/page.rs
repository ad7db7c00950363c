//! What all pages have in common: nothing is loaded from elsewhere, and no script runs.

pub(super) use super::picture::escaped;

const STYLE: &str = include_str!("../../templates/report/page.css");

/// A page up to the beginning of its body; `style` is added to that of all pages.
pub(super) fn head(title: &str, style: &str) -> String {
    let title = escaped(title);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>\n{STYLE}{style}</style>\n</head>\n<body>\n"
    )
}
