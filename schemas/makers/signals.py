"""`signals.json`: everything that SageMaker sends by itself: metrics by namespace, and events.

No package holds these: they are from AWS's guides, under docs.aws.amazon.com. A namespace whose metrics users
name, or of which the guides do not list all, is `open`.
"""

from makers.metrics import ASYNCHRONOUS, INVOCATIONS, QUEUE, UTILISATION

ENDPOINT = ["EndpointName"]
VARIANT = ["EndpointName", "VariantName"]
COMPONENT = ["InferenceComponentName"]
# sagemaker/latest/dg/monitoring-cloudwatch.html, "multi-model endpoint metrics".
MULTI_MODEL = ["ModelCacheHit", "ModelDownloadingTime", "ModelLoadingTime", "ModelLoadingWaitTime", "ModelUnloadingTime"]
# The same page, "Feature Store metrics" and "pipelines metrics".
FEATURE_STORE = ["ConsumedReadRequestsUnits", "ConsumedWriteRequestsUnits"]
OUTCOMES = ["Duration", "Failed", "Started", "Stopped", "Succeeded"]


def sent(names, *dimensions):
    """Each metric with the sets of dimensions under which it can be found."""
    return {name: list(dimensions) for name in names}


NAMESPACES = {
    # sagemaker/latest/dg/monitoring-cloudwatch.html: invocations, multi-model endpoints, feature store;
    # sagemaker/latest/dg/async-inference-monitor.html: asynchronous endpoints.
    "AWS/SageMaker": {
        "metrics": sent(INVOCATIONS, VARIANT, COMPONENT)
        | sent(QUEUE, ENDPOINT)
        | sent(ASYNCHRONOUS, VARIANT)
        | sent(["ConcurrentRequestsPerCopy", "InvocationsPerCopy"], COMPONENT)
        | sent(MULTI_MODEL, VARIANT)
        | sent(FEATURE_STORE, ["FeatureGroupName", "OperationName"]),
        "open": True,
    },
    # The same page: instances of endpoints, jobs, pipelines.
    "/aws/sagemaker/Endpoints": {"metrics": sent([*UTILISATION, "LoadedModelCount"], VARIANT), "open": True},
    "/aws/sagemaker/ProcessingJobs": {"metrics": sent(UTILISATION, ["Host"])},
    "/aws/sagemaker/TrainingJobs": {"metrics": sent(UTILISATION, ["Host"]), "open": True},
    "/aws/sagemaker/TransformJobs": {
        "metrics": sent([name for name in UTILISATION if name != "DiskUtilization"], ["Host"])
    },
    "AWS/Sagemaker/ModelBuildingPipeline": {
        "metrics": sent([f"Execution{it}" for it in OUTCOMES], ["PipelineName"], [])
        | sent([f"Step{it}" for it in OUTCOMES], ["PipelineName", "StepName"])
    },
    # sagemaker/latest/dg/monitoring-cloudwatch-enhanced-metrics.html.
    "/aws/sagemaker/InferenceComponents": {"open": True},
    # sagemaker/latest/dg/model-monitor-interpreting-cloudwatch.html and model-monitor-byoc-cloudwatch.html, which
    # do not agree on the first; AWS's samples alarm on `aws/sagemaker/Endpoints/data-metrics`.
    "/aws/sagemaker/Endpoint/data-metrics": {"open": True},
    "/aws/sagemaker/Endpoints/data-metric": {"open": True},
    "/aws/sagemaker/Endpoints/data-metrics": {"open": True},
    "/aws/sagemaker/ModelMonitoring/data-metric": {"open": True},
    "/aws/sagemaker/ModelMonitoring/data-metrics": {"open": True},
    "aws/sagemaker/Endpoints/bias-metrics": {"open": True},
    "aws/sagemaker/Endpoints/data-metrics": {"open": True},
    "aws/sagemaker/Endpoints/explainability-metrics": {"open": True},
    "aws/sagemaker/ModelBuildingPipeline/data-metrics": {"open": True},
}

# eventbridge/latest/ref/events-ref-sagemaker.html, and sagemaker/latest/dg/automating-sagemaker-with-eventbridge.html
# for those of pipelines; source `aws.sagemaker`.
EVENTS = [
    "SageMaker A2I HumanLoop Status Change", "SageMaker Algorithm State Change",
    "SageMaker Endpoint Config State Change", "SageMaker Endpoint Deployment State Change",
    "SageMaker Endpoint State Change", "SageMaker Feature Group State Change",
    "SageMaker Ground Truth Labeling Job State Change", "SageMaker Human Loop Finished",
    "SageMaker Human Loop Step Execution Finished", "SageMaker Human Task Accepted", "SageMaker Human Task Created",
    "SageMaker Human Task Declined", "SageMaker Human Task Expired", "SageMaker Human Task Returned",
    "SageMaker Human Task Submitted", "SageMaker HyperParameter Tuning Job State Change",
    "SageMaker HyperPod Cluster Event", "SageMaker HyperPod Cluster Node Health Event",
    "SageMaker HyperPod Cluster State Change", "SageMaker Image State Change", "SageMaker Image Version State Change",
    "SageMaker Model Building Pipeline Execution Status Change",
    "SageMaker Model Building Pipeline Execution Step Status Change", "SageMaker Model Card Export Job State Change",
    "SageMaker Model Card State Change", "SageMaker Model Package State Change", "SageMaker Model State Change",
    "SageMaker Monitoring Schedule State Change", "SageMaker Notebook Instance State Change",
    "SageMaker Notebook Lifecycle Config State Change", "SageMaker Processing Job State Change",
    "SageMaker Training Job State Change", "SageMaker Transform Job State Change",
]  # fmt: skip


def dimension_of(metric):
    """What scaling changes when it follows a predefined metric: the names say it."""
    if "InferenceComponent" in metric:
        return "sagemaker:inference-component:DesiredCopyCount"
    if "ProvisionedConcurrency" in metric:
        return "sagemaker:variant:DesiredProvisionedConcurrency"
    return "sagemaker:variant:DesiredInstanceCount"


def signals(packages):
    shapes = packages.json("botocore", "botocore/data/application-autoscaling/2016-02-06/service-2.json")["shapes"]
    scaling = {name: dimension_of(name) for name in sorted(shapes["MetricType"]["enum"]) if name.startswith("SageMaker")}
    assert set(scaling.values()) <= set(shapes["ScalableDimension"]["enum"])
    return {
        "sources": packages.sources("botocore"),
        "namespaces": NAMESPACES,
        "events": EVENTS,
        "scaling": scaling,
    }
