"""`api.json`: shapes of requests and responses of the API, as botocore's service models have them."""

from makers.instances import JOBS

# Service model → the operations whose requests are held: what a step of a pipeline can call, and what
# stands behind the resources of a stack.
REQUESTS = {
    "sagemaker/2017-07-24": [
        "AddAssociation", "CreateAction", "CreateArtifact", "CreateAutoMLJob", "CreateAutoMLJobV2", "CreateContext",
        "CreateDataQualityJobDefinition", "CreateEndpoint", "CreateEndpointConfig", "CreateFeatureGroup",
        "CreateHyperParameterTuningJob", "CreateInferenceComponent", "CreateJob", "CreateModel",
        "CreateModelBiasJobDefinition", "CreateModelExplainabilityJobDefinition", "CreateModelPackage",
        "CreateModelPackageGroup", "CreateModelQualityJobDefinition", "CreateMonitoringSchedule",
        "CreatePipeline", "CreateProcessingJob", "CreateTrainingJob", "CreateTransformJob",
        "StartPipelineExecution", "UpdateEndpoint", "UpdatePipeline",
    ],
    "application-autoscaling/2016-02-06": ["PutScalingPolicy", "PutScheduledAction", "RegisterScalableTarget"],
    "cloudwatch/2010-08-01": ["PutCompositeAlarm", "PutMetricAlarm"],
    "emr/2009-03-31": ["AddJobFlowSteps", "RunJobFlow"],
    "emr-serverless/2021-07-13": ["CreateApplication", "StartJobRun"],
    "scheduler/2021-06-30": ["CreateSchedule"],
}  # fmt: skip
# Service model → the operations whose responses are held: what a reference can walk.
RESPONSES = {
    "sagemaker/2017-07-24": [
        "AddAssociation", "DescribeAction", "DescribeArtifact", "DescribeAutoMLJob", "DescribeAutoMLJobV2", "DescribeContext",
        "DescribeEndpoint", "DescribeEndpointConfig", "DescribeHyperParameterTuningJob",
        "DescribeInferenceComponent", "DescribeJob", "DescribeModel", "DescribeModelPackage",
        "DescribeProcessingJob", "DescribeTrainingJob", "DescribeTransformJob",
        "ListTrainingJobsForHyperParameterTuningJob",
    ],
    "emr/2009-03-31": ["DescribeCluster", "DescribeStep"],
    "emr-serverless/2021-07-13": ["GetApplication", "GetJobRun"],
}  # fmt: skip


def load(packages, model):
    return packages.json("botocore", f"botocore/data/{model}/service-2.json")


def named(operation, shape, endings):
    """The product finds the shapes of an operation by these names, and needs no table of operations."""
    assert shape in [operation + ending for ending in endings], f"{operation}: {shape}"
    return shape


def asked(packages):
    """Service model → the shapes at the top of what is held."""
    for model in REQUESTS:
        operations = load(packages, model)["operations"]
        yield model, [
            named(name, operations[name]["input"]["shape"], ["Request", "Input", "Type"]) for name in REQUESTS[model]
        ] + [named(name, operations[name]["output"]["shape"], ["Response", "Output"]) for name in RESPONSES.get(model, [])]


def row(name, shape):
    if shape["type"] == "structure":
        members = {member: ref["shape"] for member, ref in shape["members"].items()}
        return {"required": shape.get("required", []), "members": members} | ({"union": True} if shape.get("union") else {})
    parts = {part: shape[part]["shape"] for part in ("member", "key", "value") if part in shape}
    # Bounds are whole numbers but for one; instance types have a table of their own.
    bounds = {side: int(shape[side]) for side in ("min", "max") if float(shape.get(side, 0.5)).is_integer()}
    rest = {key: shape[key] for key in ("pattern", "enum") if key in shape and name not in JOBS.values()}
    return {"type": shape["type"]} | parts | bounds | rest


def api(packages):
    rows = {}
    for model, wanted in asked(packages):
        shapes = load(packages, model)["shapes"]
        while wanted:
            name = wanted.pop()
            key = f"{model.split('/')[0]}:{name}"
            if key not in rows:
                rows[key] = row(name, shapes[name])
                wanted += rows[key].get("members", {}).values()
                wanted += [rows[key][part] for part in ("member", "key", "value") if part in rows[key]]
    return {"sources": packages.sources("botocore"), "rows": dict(sorted(rows.items()))}
