"""The SageMaker API: own records where templates must read back what they said, moto for the rest.

moto keeps a model's or an endpoint's skeleton and forgets the rest (deployment
configurations, drift baselines, tags), has no monitoring schedules, inference components,
`UpdateEndpoint` or `DeleteModelPackage`, and takes any text for a pipeline definition. What a
stack deploys is therefore kept here; jobs, pipeline executions and everything else are moto's.
"""

import asyncio
import json

import pipelines
import registry
from bridge import Refused, answer, ask_moto, refusal, scope
from records import (
    LOCK,
    Kind,
    create,
    find,
    forget_tags,
    listed,
    now,
    records,
    remove,
    set_tags,
    tags_of,
    told,
)

_TIMES = ("LastModifiedTime",)
MODEL = Kind("Model", "model", "Models")
CONFIG = Kind("EndpointConfig", "endpoint-config", "EndpointConfigs")
ENDPOINT = Kind("Endpoint", "endpoint", "Endpoints", ("EndpointStatus", *_TIMES))
COMPONENT = Kind(
    "InferenceComponent",
    "inference-component",
    "InferenceComponents",
    ("EndpointArn", "EndpointName", "VariantName", "InferenceComponentStatus", *_TIMES),
)
SCHEDULE = Kind(
    "MonitoringSchedule",
    "monitoring-schedule",
    "MonitoringScheduleSummaries",
    ("MonitoringScheduleStatus", "EndpointName", "MonitoringJobDefinitionName", "MonitoringType", *_TIMES),
    missing="ResourceNotFound",
    taken="ResourceInUse",
)
JOB_DEFINITIONS = tuple(
    Kind(
        f"{family}JobDefinition",
        f"{segment}-job-definition",
        "JobDefinitionSummaries",
        ("EndpointName",),
        prefix="JobDefinition",
        listed_as="MonitoringJobDefinition",
        missing="ResourceNotFound",
        taken="ResourceInUse",
    )
    for family, segment in (
        ("DataQuality", "data-quality"),
        ("ModelQuality", "model-quality"),
        ("ModelBias", "model-bias"),
        ("ModelExplainability", "model-explainability"),
    )
)


# --- models and endpoint configurations ---------------------------------------------------


def create_model(request: dict) -> dict:
    containers = [request.get("PrimaryContainer") or {}, *(request.get("Containers") or [])]
    for container in containers:
        if package := container.get("ModelPackageName"):
            registry.check_reference(package)
    record = create(MODEL, request, EnableNetworkIsolation=request.get("EnableNetworkIsolation", False))
    return {"ModelArn": record["ModelArn"]}


def create_endpoint_config(request: dict) -> dict:
    for variant in [*request.get("ProductionVariants", []), *request.get("ShadowProductionVariants", [])]:
        if variant.get("ModelName"):
            find(MODEL, variant["ModelName"])
    return {"EndpointConfigArn": create(CONFIG, request)["EndpointConfigArn"]}


# --- endpoints ----------------------------------------------------------------------------


def _running(config: dict, kept: dict[str, dict]) -> dict:
    """An endpoint's members that follow from its configuration; `kept` are variants to stay as they are."""

    def variant(said: dict) -> dict:
        weight, count = said.get("InitialVariantWeight", 1.0), said.get("InitialInstanceCount")
        state = {
            "VariantName": said["VariantName"],
            "CurrentWeight": weight,
            "DesiredWeight": weight,
            "CurrentInstanceCount": count,
            "DesiredInstanceCount": count,
            "CurrentServerlessConfig": said.get("ServerlessConfig"),
            "ManagedInstanceScaling": said.get("ManagedInstanceScaling"),
        } | kept.get(said["VariantName"], {})
        return {member: value for member, value in state.items() if value is not None}

    members: dict = {
        "ProductionVariants": [variant(said) for said in config.get("ProductionVariants", [])],
        "ShadowProductionVariants": [variant(v) for v in config.get("ShadowProductionVariants", [])] or None,
        "AsyncInferenceConfig": config.get("AsyncInferenceConfig"),
        "ExplainerConfig": config.get("ExplainerConfig"),
        "DataCaptureConfig": None,
    }
    if capture := config.get("DataCaptureConfig"):
        enabled = capture.get("EnableCapture", False)
        members["DataCaptureConfig"] = {
            "EnableCapture": enabled,
            "CaptureStatus": "Started" if enabled else "Stopped",
            "CurrentSamplingPercentage": capture.get("InitialSamplingPercentage"),
            "DestinationS3Uri": capture.get("DestinationS3Uri"),
            "KmsKeyId": capture.get("KmsKeyId", ""),
        }
    return members


def create_endpoint(request: dict) -> dict:
    config = find(CONFIG, request["EndpointConfigName"])
    said = {member: value for member, value in request.items() if member != "DeploymentConfig"}
    record = create(
        ENDPOINT,
        said,
        EndpointStatus="InService",
        LastModifiedTime=now(),
        LastDeploymentConfig=request.get("DeploymentConfig"),
        **_running(config, {}),
    )
    return {"EndpointArn": record["EndpointArn"]}


def _is_scaled(endpoint: str, variant: str) -> bool:
    """Whether Application Auto Scaling has registered a variant."""
    asked = {"ServiceNamespace": "sagemaker", "ResourceIds": [f"endpoint/{endpoint}/variant/{variant}"]}
    headers = {
        "x-amz-target": "AnyScaleFrontendService.DescribeScalableTargets",
        "content-type": "application/x-amz-json-1.1",
    }
    _, _, told_back = ask_moto("application-autoscaling", "POST", "/", headers, json.dumps(asked).encode())
    return bool(json.loads(told_back).get("ScalableTargets"))


def _check_scaled(record: dict, config: dict) -> None:
    """A variant that is registered for scaling neither goes nor gets another instance type.

    "Update endpoints that use auto scaling" in the developer guide.
    """

    def types(said: dict) -> dict:
        return {v["VariantName"]: v.get("InstanceType") for v in said.get("ProductionVariants", [])}

    # The endpoint goes on without its configuration when somebody deletes that.
    before, after = types(records(CONFIG).get(record["EndpointConfigName"], {})), types(config)
    changed = [name for name, instance in before.items() if name not in after or after[name] != instance]
    if scaled := [name for name in changed if _is_scaled(record["EndpointName"], name)]:
        raise Refused(
            "ValidationException",
            f'The variant(s) "{scaled}" must be deregistered as scalable targets with AWS Auto Scaling '
            "before they can be removed or have their instance type updated.",
        )


def update_endpoint(request: dict) -> dict:
    record = find(ENDPOINT, request["EndpointName"])
    config = find(CONFIG, request["EndpointConfigName"])
    _check_scaled(record, config)
    kept: dict[str, dict] = {}
    running_before = record.get("DataCaptureConfig")
    if request.get("RetainAllVariantProperties"):
        excluded = {p["VariantPropertyType"] for p in request.get("ExcludeRetainedVariantProperties", [])}
        members = [
            m
            for kind, m in (
                ("DesiredInstanceCount", ("CurrentInstanceCount", "DesiredInstanceCount")),
                ("DesiredWeight", ("CurrentWeight", "DesiredWeight")),
            )
            if kind not in excluded
        ]
        kept = {
            v["VariantName"]: {m: v[m] for pair in members for m in pair if m in v}
            for v in record["ProductionVariants"]
        }
    record.update(_running(config, kept))
    if request.get("RetainAllVariantProperties") and "DataCaptureConfig" not in excluded and running_before:
        record["DataCaptureConfig"] = running_before
    if not request.get("RetainDeploymentConfig"):
        record["LastDeploymentConfig"] = request.get("DeploymentConfig")
    record.update(
        EndpointConfigName=request["EndpointConfigName"], EndpointStatus="InService", LastModifiedTime=now()
    )
    return {"EndpointArn": record["EndpointArn"]}


def update_weights(request: dict) -> dict:
    record = find(ENDPOINT, request["EndpointName"])
    variants = {variant["VariantName"]: variant for variant in record["ProductionVariants"]}
    for desired in request["DesiredWeightsAndCapacities"]:
        if desired["VariantName"] not in variants:
            raise Refused(
                "ValidationException",
                f'The variant name(s) "{desired["VariantName"]}" is/are not present '
                "within endpoint configuration.",
            )
        for member in ("Weight", "InstanceCount"):
            if f"Desired{member}" in desired:
                value = desired[f"Desired{member}"]
                variants[desired["VariantName"]] |= {f"Desired{member}": value, f"Current{member}": value}
    record["LastModifiedTime"] = now()
    return {"EndpointArn": record["EndpointArn"]}


def variant_exists(resource_id: str) -> bool:
    """Whether `endpoint/NAME/variant/NAME`, as Application Auto Scaling names it, is there."""
    parts = resource_id.split("/")
    if len(parts) != 4 or (parts[0], parts[2]) != ("endpoint", "variant"):
        return False
    record = records(ENDPOINT).get(parts[1])
    return record is not None and any(v["VariantName"] == parts[3] for v in record["ProductionVariants"])


# --- inference components, monitoring -------------------------------------------------------


def create_component(request: dict) -> dict:
    endpoint = find(ENDPOINT, request["EndpointName"])
    copies = (request.get("RuntimeConfig") or {}).get("CopyCount", 1)
    record = create(
        COMPONENT,
        request,
        EndpointArn=endpoint["EndpointArn"],
        InferenceComponentStatus="InService",
        LastModifiedTime=now(),
        RuntimeConfig={"DesiredCopyCount": copies, "CurrentCopyCount": copies},
    )
    return {"InferenceComponentArn": record["InferenceComponentArn"]}


def update_component(request: dict) -> dict:
    record = find(COMPONENT, request["InferenceComponentName"])
    if "Specification" in request:
        record["Specification"] = request["Specification"]
    if copies := (request.get("RuntimeConfig") or {}).get("CopyCount"):
        record["RuntimeConfig"] = {"DesiredCopyCount": copies, "CurrentCopyCount": copies}
    record["LastModifiedTime"] = now()
    return {"InferenceComponentArn": record["InferenceComponentArn"]}


def _job_definition_creator(kind: Kind):
    def create_definition(request: dict) -> dict:
        inputs = request.get(kind.family.removesuffix("JobDefinition") + "JobInput") or {}
        endpoint = (inputs.get("EndpointInput") or {}).get("EndpointName")
        record = create(kind, request, _EndpointName=endpoint)
        return {"JobDefinitionArn": record["JobDefinitionArn"]}

    return create_definition


def _schedule_members(request: dict) -> dict:
    """What a schedule's configuration says of itself; its job definition must be there."""
    config = request["MonitoringScheduleConfig"]
    named, kind = config.get("MonitoringJobDefinitionName"), config.get("MonitoringType")
    endpoint = None
    if named:
        of_type = [k for k in JOB_DEFINITIONS if k.family == f"{kind}JobDefinition"]
        endpoint = find((of_type or JOB_DEFINITIONS)[0], named)["_EndpointName"]
    return {"MonitoringType": kind, "EndpointName": endpoint, "_MonitoringJobDefinitionName": named}


def create_schedule(request: dict) -> dict:
    record = create(
        SCHEDULE,
        request,
        MonitoringScheduleStatus="Scheduled",
        LastModifiedTime=now(),
        **_schedule_members(request),
    )
    return {"MonitoringScheduleArn": record["MonitoringScheduleArn"]}


def update_schedule(request: dict) -> dict:
    record = find(SCHEDULE, request["MonitoringScheduleName"])
    record.update(
        _schedule_members(request),
        LastModifiedTime=now(),
        MonitoringScheduleConfig=request["MonitoringScheduleConfig"],
    )
    return {"MonitoringScheduleArn": record["MonitoringScheduleArn"]}


def _schedule_status(status: str):
    def set_status(request: dict) -> dict:
        record = find(SCHEDULE, request["MonitoringScheduleName"])
        record.update(MonitoringScheduleStatus=status, LastModifiedTime=now())
        return {}

    return set_status


# --- tags -----------------------------------------------------------------------------------


def add_tags(request: dict) -> dict | None:
    if tags_of(request["ResourceArn"]) is None:
        return None
    set_tags(request["ResourceArn"], request["Tags"])
    return list_tags(request)


def list_tags(request: dict) -> dict | None:
    tags = tags_of(request["ResourceArn"])
    return None if tags is None else {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}


def delete_tags(request: dict) -> dict | None:
    tags = tags_of(request["ResourceArn"])
    if tags is None:
        return None
    for key in request["TagKeys"]:
        tags.pop(key, None)
    return {}


# --- the operations -------------------------------------------------------------------------


def _usual(kind: Kind) -> dict:
    """The operations that every kind has alike."""

    def gone(request: dict) -> dict:
        remove(kind, request[kind.name])
        return {}

    return {
        f"Describe{kind.family}": lambda request: told(find(kind, request[kind.name])),
        f"List{kind.family}s": lambda request: listed(kind, request),
        f"Delete{kind.family}": gone,
    }


# Operation → what it does with the request; an answer of `None` leaves it to moto.
OPERATIONS: dict = {
    **{
        name: operation
        for kind in (MODEL, CONFIG, ENDPOINT, COMPONENT, SCHEDULE, *JOB_DEFINITIONS)
        for name, operation in _usual(kind).items()
    },
    **{f"Create{kind.family}": _job_definition_creator(kind) for kind in JOB_DEFINITIONS},
    "CreateModel": create_model,
    "CreateEndpointConfig": create_endpoint_config,
    "CreateEndpoint": create_endpoint,
    "UpdateEndpoint": update_endpoint,
    "UpdateEndpointWeightsAndCapacities": update_weights,
    "CreateInferenceComponent": create_component,
    "UpdateInferenceComponent": update_component,
    "CreateMonitoringSchedule": create_schedule,
    "UpdateMonitoringSchedule": update_schedule,
    "StartMonitoringSchedule": _schedule_status("Scheduled"),
    "StopMonitoringSchedule": _schedule_status("Stopped"),
    "ListMonitoringExecutions": lambda request: {"MonitoringExecutionSummaries": []},
    "AddTags": add_tags,
    "ListTags": list_tags,
    "DeleteTags": delete_tags,
    **registry.OPERATIONS,
}


def _invoke(method: str, path: str, headers: dict, body: bytes):
    """A request to `/endpoints/NAME/invocations`: moto answers it for an endpoint that is there."""
    name = path.removeprefix("/endpoints/").split("/")[0]
    with LOCK:
        if path.startswith("/endpoints/") and name not in records(ENDPOINT):
            account, _ = scope()
            raise Refused("ValidationError", f"Endpoint {name} of account {account} not found.")
    return ask_moto("runtime.sagemaker", method, path, headers, body)


def serve(method: str, path: str, headers: dict, body: bytes):
    """One request to SageMaker or to its runtime."""
    operation = headers.get("x-amz-target", "").rsplit(".", 1)[-1]
    try:
        if not operation:
            return _invoke(method, path, headers, body)
        request = json.loads(body or b"{}")
        told_back = _ours(operation, request)
        return _moto(operation, request, headers) if told_back is None else answer(told_back)
    except Refused as error:
        return refusal(error)
    except KeyError as error:
        return refusal(Refused("ValidationException", f"Missing required parameter in input: {error}"))


def _ours(operation: str, request: dict) -> dict | None:
    """The answer to an operation that is ours; nothing leaves it to moto."""
    if operation in pipelines.OPERATIONS:
        return pipelines.OPERATIONS[operation](request)
    if operation not in OPERATIONS:
        return None
    with LOCK:
        return OPERATIONS[operation](request)


def _moto(operation: str, request: dict, headers: dict):
    """moto's answer; the tags of pipelines are kept here."""
    prepare = pipelines.PREPARE.get(operation, lambda unchanged: unchanged)
    body = json.dumps(prepare(dict(request))).encode()
    status, told_headers, told = ask_moto("api.sagemaker", "POST", "/", headers, body)
    if status >= 500:
        raise Refused("UnknownOperationException", f"{operation} is not part of the local cloud")
    if status < 300 and operation in ("CreatePipeline", "DeletePipeline"):
        arn = json.loads(told)["PipelineArn"]
        forget_tags(arn)
        if operation == "CreatePipeline":
            set_tags(arn, request.get("Tags"))
    return status, told_headers, told


async def handler(method, path, headers, body, _query):
    """The entry that ministack calls."""
    return await asyncio.to_thread(serve, method, path, dict(headers), body)
