"""`metrics.json`: what SageMaker sends to CloudWatch, and what Application Auto Scaling follows of it."""

# From the page "Amazon SageMaker AI metrics in Amazon CloudWatch"
# (docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html); unit "none" there is a count.
# Left out: what only multi-model endpoints and inference components send.
INVOCATIONS = {
    "ConcurrentRequestsPerModel": ("count", ["Minimum", "Maximum"]),
    "Invocation4XXErrors": ("count", ["Average", "Sum"]),
    "Invocation5XXErrors": ("count", ["Average", "Sum"]),
    "InvocationModelErrors": ("count", ["Average", "Sum"]),
    "Invocations": ("count", ["Sum"]),
    "InvocationsPerInstance": ("count", ["Sum"]),
    "ModelLatency": ("microseconds", ["Average", "Sum", "Minimum", "Maximum", "SampleCount", "p"]),
    "ModelSetupTime": ("microseconds", ["Average", "Minimum", "Maximum", "SampleCount", "p"]),
    "OverheadLatency": ("microseconds", ["Average", "Sum", "Minimum", "Maximum", "SampleCount"]),
}
UTILISATION = ["CPUUtilization", "DiskUtilization", "GPUMemoryUtilization", "GPUUtilization", "MemoryUtilization"]
# From "CloudWatch statistics definitions"
# (docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Statistics-definitions.html): a prefix and a
# percentage (`p99`), a name and boundaries (`TM(2%:98%)`), a name alone.
STATISTICS = {"numbered": ["p", "tc", "tm", "ts", "wm"], "ranged": ["PR", "TC", "TM", "TS", "WM"], "whole": ["IQM"]}


def metrics(packages):
    cloudwatch = packages.json("botocore", "botocore/data/cloudwatch/2010-08-01/service-2.json")["shapes"]
    scaling = packages.json("botocore", "botocore/data/application-autoscaling/2016-02-06/service-2.json")["shapes"]
    dimensions = ["EndpointName", "VariantName"]
    rows = {
        name: {"namespace": "AWS/SageMaker", "unit": unit, "dimensions": dimensions, "statistics": statistics}
        for name, (unit, statistics) in INVOCATIONS.items()
    }
    for name in UTILISATION:
        rows[name] = {"namespace": "/aws/sagemaker/Endpoints", "unit": "percent", "dimensions": dimensions}
    return {
        "sources": packages.sources("botocore"),
        "endpoint": dict(sorted(rows.items())),
        "statistics": {"plain": sorted(cloudwatch["Statistic"]["enum"])} | STATISTICS,
        "scaling": {
            "metrics": sorted(name for name in scaling["MetricType"]["enum"] if name.startswith("SageMaker")),
            "dimensions": sorted(name for name in scaling["ScalableDimension"]["enum"] if name.startswith("sagemaker:")),
        },
    }
