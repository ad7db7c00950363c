//! Batch transforms, with a model that adds up the columns of a row.

use super::*;

/// Trains it: the model is what is added, and the script that serves it stands beside.
const TRAIN: &str = r#"import os, pathlib
model = pathlib.Path(os.environ["SM_MODEL_DIR"])
(model / "code").mkdir()
(model / "more.txt").write_text("100")
(model / "code" / "inference.py").write_text('''
import os
def model_fn(directory):
    with open(os.path.join(directory, "more.txt")) as file:
        return float(file.read())
def input_fn(body, media):
    assert media == "text/csv", media
    return [[float(field) for field in line.split(",")] for line in body.splitlines()]
def predict_fn(rows, model, context):
    return [sum(row) + model for row in rows]
def output_fn(sums, accept):
    return "".join(f"{one:g}\\n" for one in sums), accept
''')
"#;

/// Writes what is predicted for.
const ROWS: &str = "import os, pathlib\n\
    out = pathlib.Path(os.environ['SMSTACK_BASE_DIR']) / 'processing/out'\n\
    (out / 'more').mkdir()\n\
    (out / 'a.csv').write_text('1,2\\n3,4\\n5,6\\n')\n\
    (out / 'more/b.csv').write_text('7,8\\n')\n";

/// Rows, a model, and a transform job that splits by lines; `change` is what the case is about.
fn steps(change: &Value) -> Value {
    let mut fit = training("fit", &[]);
    fit["Arguments"]["AlgorithmSpecification"]["MetricDefinitions"] = json!([]);
    fit["Arguments"]["InputDataConfig"] = json!([]);
    let model = json!({
        "Name": "predict-model", "Type": "Model",
        "Arguments": { "PrimaryContainer": {
            "Image": "1.dkr.ecr.${AWS::Region}.${AWS::URLSuffix}/pytorch-inference:2.1-cpu-py310",
            "ModelDataUrl": { "Get": "Steps.fit.ModelArtifacts.S3ModelArtifacts" },
        } },
    });
    let mut arguments = json!({
        "ModelName": { "Get": "Steps.predict-model.ModelName" },
        "TransformInput": {
            "ContentType": "text/csv", "SplitType": "Line",
            "DataSource": { "S3DataSource": { "S3DataType": "S3Prefix",
                "S3Uri": { "Get": "Steps.rows.ProcessingOutputConfig.Outputs['out'].S3Output.S3Uri" } } },
        },
        "TransformOutput": { "S3OutputPath": "s3://${Bucket}/predicted", "Accept": "text/csv", "AssembleWith": "Line" },
        "TransformResources": { "InstanceType": "ml.m5.large", "InstanceCount": 1 },
    });
    for (pointer, value) in change.as_object().into_iter().flatten() {
        let (parent, member) = pointer.rsplit_once('/').unwrap();
        arguments.pointer_mut(parent).unwrap()[member] = value.clone();
    }
    json!([processing("rows", "rows"), fit, model, { "Name": "predict", "Type": "Transform", "Arguments": arguments }])
}

fn bench(change: &Value) -> Bench {
    Bench::new(&steps(change), &[("rows", ROWS), ("train.tar.gz", TRAIN)])
}

#[test]
fn every_object_goes_through_the_models_own_handler() {
    let check = |change: Value, a: &str, b: &str, requests: &str| {
        let bench = bench(&change);
        let outcome = bench.run();
        let step = outcome.steps.last().unwrap();
        assert_eq!(line(step), "predict succeeded", "{:?}", step.said);
        let read = |name: &str| std::fs::read_to_string(step.outputs["output"].join(name)).unwrap();
        assert_eq!((read("a.csv.out").as_str(), read("more/b.csv.out").as_str()), (a, b), "{change}");
        let log = std::fs::read_to_string(step.log.as_ref().unwrap()).unwrap();
        assert_eq!(log, requests, "{change}");
    };
    let (one, three) =
        ("a.csv: 1 request\nmore/b.csv: 1 request\n", "a.csv: 3 requests\nmore/b.csv: 1 request\n");
    check(json!({}), "103\n107\n111\n", "115\n", one);
    check(json!({ "/BatchStrategy": "SingleRecord" }), "103\n107\n111\n", "115\n", three);
    check(json!({ "/TransformInput/SplitType": "None" }), "103\n107\n111\n", "115\n", one);
    let joined = json!({ "/DataProcessing": { "InputFilter": "$[1:]", "JoinSource": "Input", "OutputFilter": "$[0,-1]" } });
    check(joined, "1,102\n3,104\n5,106\n", "7,108\n", one);
}

#[test]
fn what_a_job_cannot_do_is_said() {
    let check = |change: Value, expected: &str| {
        let outcome = bench(&change).run();
        let told = line(outcome.steps.iter().find(|step| step.name == "predict").unwrap());
        assert!(told.contains(expected), "{told}\n{expected}");
    };
    check(
        json!({ "/TransformInput/ContentType": "text/plain" }),
        "predict failed: exit code 1: a.csv, request 1: AssertionError: text/plain",
    );
    check(json!({ "/TransformInput/SplitType": "RecordIO" }), "records are told apart by RecordIO");
    check(
        json!({ "/DataProcessing": { "InputFilter": "$..x" } }),
        "the filter $..x is none that this machine knows",
    );
    check(json!({ "/ModelName": "elsewhere" }), "predict skipped: model `elsewhere` is in an account");
    let nothing = json!({ "/TransformInput/DataSource": { "S3DataSource": { "S3Uri": "s3://b/nothing" } } });
    check(nothing, "predict failed: input: there is nothing at `s3://b/nothing`");
}

/// A registered version names its image itself.
#[test]
fn a_registered_version_predicts() {
    let mut first = steps(&json!({}));
    first.as_array_mut().unwrap().truncate(2);
    first.as_array_mut().unwrap().push(json!({
        "Name": "register", "Type": "RegisterModel",
        "Arguments": { "ModelPackageGroupName": "Sums", "InferenceSpecification": { "Containers": [{
            "Image": "1.dkr.ecr.eu-west-1.amazonaws.com/pytorch-inference:2.1-cpu-py310",
            "ModelDataUrl": { "Get": "Steps.fit.ModelArtifacts.S3ModelArtifacts" },
        }] } },
    }));
    let mut bench = Bench::new(&first, &[("rows", ROWS), ("train.tar.gz", TRAIN)]);
    bench.run();
    let mut second = steps(&json!({}));
    second.as_array_mut().unwrap().remove(1);
    let arn = |version: u8| {
        format!("arn:aws:sagemaker:${{AWS::Region}}:${{AWS::AccountId}}:model-package/sums/{version}")
    };
    second[1]["Arguments"]["PrimaryContainer"] = json!({ "ModelPackageName": arn(1) });
    bench.order.definition["Steps"] = second.clone();
    bench.check(&["predict-model succeeded", "rows succeeded", "predict succeeded"]);
    second[1]["Arguments"]["PrimaryContainer"] = json!({ "ModelPackageName": arn(2) });
    bench.order.definition["Steps"] = second;
    let told = line(bench.run().failure().unwrap());
    assert!(told.contains("model-package/sums/2` is not in the registry of this machine"), "{told}");
}
