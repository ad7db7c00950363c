//! Any bytes as a file that `smstack lint` reads.

#![no_main]

use libfuzzer_sys::fuzz_target;
use smstack::lint;
use smstack::source::SourceFile;

fuzz_target!(|bytes: &[u8]| {
    let file = match SourceFile::from_bytes("fuzz.yaml", bytes) {
        Ok(file) => file,
        Err(problem) => return assert!(!problem.1.message.is_empty()),
    };
    for found in lint::examine(&file, Some("eu-west-1")).found {
        let places = std::iter::once(&found.primary).chain(&found.secondary).map(|label| &label.span);
        for span in places.chain(found.fix.iter().map(|fix| &fix.span)) {
            assert!(file.text().get(span.clone()).is_some(), "{found:?}");
        }
    }
});
