//! Any bytes as a pipeline definition, and as one that a template holds as text.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use smstack::lint::{self, definition};
use smstack::source::SourceFile;

fuzz_target!(|text: &str| {
    if let Ok(value) = serde_json::from_str::<Value>(text) {
        definition::check(&value);
    }
    let pipeline = |body: Value| {
        let properties = json!({ "PipelineDefinition": { "PipelineDefinitionBody": body } });
        json!({ "Resources": { "P": { "Type": "AWS::SageMaker::Pipeline", "Properties": properties } } })
    };
    let (left, right) = text.split_at(text.floor_char_boundary(text.len() / 2));
    for body in [json!({ "Fn::Sub": text }), json!({ "Fn::Join": ["", [left, { "Ref": "P" }, right]] })] {
        let file = SourceFile::new("fuzz.json", pipeline(body).to_string());
        for found in lint::check(&file, None) {
            assert!(file.text().get(found.primary.span.clone()).is_some(), "{found:?}");
        }
    }
});
