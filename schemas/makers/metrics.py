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
# From "Alarms and logs for tracking metrics from asynchronous endpoints"
# (docs.aws.amazon.com/sagemaker/latest/dg/async-inference-monitor.html). The queue is the endpoint's, so these have
# no variant; `HasBacklogWithoutCapacity` is 1 when requests wait and no instance runs, else 0
# (docs.aws.amazon.com/sagemaker/latest/dg/async-inference-autoscale.html).
QUEUE = {
    "ApproximateAgeOfOldestRequest": ("seconds", ["Average", "Minimum", "Maximum"]),
    "ApproximateBacklogSize": ("count", ["Average", "Minimum", "Maximum"]),
    "ApproximateBacklogSizePerInstance": ("count", ["Average", "Minimum", "Maximum"]),
    "HasBacklogWithoutCapacity": ("count", ["Average"]),
}
# The same page, with the variant. It writes `InvocationsProcesssed`, with an `s` too many: a probe of endpoints has
# seen two (cloud-custodian, c7n/data/sagemaker_metrics.yaml). It says microseconds of the time in the backlog and
# milliseconds of the whole, of which that is a part: the part's unit is left open.
ASYNCHRONOUS = {
    "ExpiredRequests": ("count", ["Sum"]),
    "InvocationFailures": ("count", ["Sum"]),
    "InvocationsProcessed": ("count", ["Sum"]),
    "NotificationFailures": ("count", ["Sum"]),
    "RequestDownloadFailures": ("count", ["Sum"]),
    "RequestDownloadLatency": ("microseconds", ["Average", "Sum", "Minimum", "Maximum", "SampleCount"]),
    "ResponseUploadFailures": ("count", ["Sum"]),
    "ResponseUploadLatency": ("microseconds", ["Average", "Sum", "Minimum", "Maximum", "SampleCount"]),
    "TimeInBacklog": (None, ["Average", "Sum", "Minimum", "Maximum", "SampleCount"]),
    "TotalProcessingTime": ("milliseconds", ["Average", "Sum", "Minimum", "Maximum", "SampleCount"]),
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
    rows = {}
    for table, names, more in [
        (INVOCATIONS, dimensions, {}),
        (QUEUE, dimensions[:1], {"asynchronous": True}),
        (ASYNCHRONOUS, dimensions, {"asynchronous": True}),
    ]:
        for name, (unit, statistics) in table.items():
            known = {"namespace": "AWS/SageMaker", "unit": unit, "dimensions": names, "statistics": statistics}
            rows[name] = known | more
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
