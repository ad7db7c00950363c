//! The reference workload's own code, where the stack file names it.

use std::fs;

use crate::project::{reference, replaced, synth, write};

/// The drift job and its baseline, in an account that cannot use Model Monitor.
#[test]
fn the_drift_job_takes_model_monitors_place() {
    let at = tempfile::tempdir().unwrap();
    let place = "s3://example-baselines/deep-learning/";
    let output = "baseline: /opt/ml/processing/output/baseline";
    let by = format!("baseline: {{ path: /opt/ml/processing/output/baseline, to: \"{place}\" }}");
    let mut text = replaced(&reference(), output, &by);
    text = replaced(&text, "backend: model_monitor", "backend: pipeline");
    text = replaced(&text, "baseline: preprocess.baseline", &format!("baseline: \"{place}\""));
    let image = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3";
    let by = format!(
        "code: code/drift.py\n    image: \"{image}\"\n    thresholds: {{ distance: 0.15, least_rows: 50 }}"
    );
    write(at.path(), &replaced(&text, "preprocessor: code/record_preprocessor.py", &by));
    let assembly = synth(at.path(), "dev");
    let serving = fs::read_to_string(assembly.join("serving.template.json")).unwrap();
    for part in ["/opt/ml/processing/input/code/drift.py", image, "least_rows", "SMSTACK_DIMENSIONS"] {
        assert!(serving.contains(part), "{part} is missing in {serving}");
    }
    let definition = fs::read_to_string(assembly.join("pipeline.json")).unwrap();
    assert!(definition.contains("example-baselines/deep-learning"), "{definition}");
}
