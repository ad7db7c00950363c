//! What the code imports, and what installs it.

use super::*;

#[test]
fn packages_have_the_versions_of_the_images() {
    let check = |image: &str, module: &str, expected: &str| {
        let step = json!({ "Arguments": { "AlgorithmSpecification": { "TrainingImage": image } } });
        assert_eq!(super::super::packages::requirement(module, &step), expected, "{image}");
    };
    let hub = "1.dkr.ecr.eu-west-1.amazonaws.com/huggingface-pytorch-training:2.1.0-transformers4.36.0-cpu-py310-ubuntu20.04";
    check(hub, "torch", "torch==2.1.0.*");
    check(hub, "transformers", "transformers==4.36.0.*");
    check(hub, "numpy", "numpy<2");
    check("1.dkr/sagemaker-xgboost:1.7-1", "xgboost", "xgboost==1.7.*");
    check("1.dkr/sagemaker-xgboost:1.7-1", "yaml", "PyYAML");
    check("own:3", "torch", "torch");
    let wanted = ["a==1.2.*", "numpy<2", "mine==1.4", "b"].map(ToOwned::to_owned);
    assert_eq!(unpinned(&wanted), ["a", "numpy", "mine==1.4", "b"]);
}

#[test]
fn missing_packages_are_found_before_anything_runs() {
    let mut step = training("fit", &[]);
    step["CacheConfig"] = json!({});
    let script = "import json\ntry:\n    import absent_too\nexcept ImportError:\n    pass\nimport no_such_module.inner\n";
    let bench = Bench::new(
        &json!([processing("a", "report"), step]),
        &[("report", REPORT), ("train.tar.gz", script)],
    );
    let error = execute(&bench.order, &AtomicBool::new(false), &mut |event| panic!("{event:?}")).unwrap_err();
    assert_eq!(error.to_string(), "packages are missing: step `fit` needs `no_such_module` (train.py:6)");
    assert!(error.help().unwrap().contains("python3 -m pip install 'no_such_module'"), "{:?}", error.help());

    let mut order = bench.order.clone();
    order.python = "/nowhere/python".into();
    let error = execute(&order, &AtomicBool::new(false), &mut |_| {}).unwrap_err();
    assert!(error.to_string().starts_with("cannot run `/nowhere/python`"), "{error}");
}
