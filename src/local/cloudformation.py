"""The CloudFormation types that ministack lacks, and facts and mends for those that it has.

Each of our handlers does what AWS's own do: it calls the service's API, in the stack's account
and region, with the properties that the template gave.
"""

import dataclasses
import json
import pathlib
import uuid
from collections.abc import Callable

import mends
import pipelines
import records
import registry
from botocore.exceptions import ClientError, ParamValidationError
from bridge import Refused, client
from ministack.services import cloudwatch, s3
from ministack.services.cloudformation import changesets, provisioners

FACTS = json.loads(pathlib.Path(__file__).with_name("facts.json").read_text())


def _failure(message: str, code: str) -> ValueError:
    """The words in which CloudFormation reports what a resource's handler answered."""
    token = uuid.uuid4()
    return ValueError(
        f'Resource handler returned message: "{message}" (RequestToken: {token}, HandlerErrorCode: {code})'
    )


def _call(service: str, operation: str, request: dict) -> dict:
    """Call an operation as botocore names it (`create_model`)."""
    try:
        return getattr(client(service), operation)(**request)
    except ClientError as error:
        said = error.response["Error"]
        taken = "already exist" in said.get("Message", "") or said["Code"] == "ResourceInUse"
        missing = said["Code"] in ("ResourceNotFound", "ResourceNotFoundException", "ObjectNotFoundException")
        code = "AlreadyExists" if taken else "NotFound" if missing else "InvalidRequest"
        raise _failure(said.get("Message", said["Code"]), code) from error
    except ParamValidationError as error:
        raise _failure(f"Model validation failed: {error}", "InvalidRequest") from error


def _input(service: str, operation: str):
    connection = client(service)
    return connection.meta.service_model.operation_model(
        connection.meta.method_to_api_mapping[operation]
    ).input_shape


def _typed(value, shape):
    """A property as the API types it: templates write numbers and booleans as text at will."""
    if shape.type_name == "structure" and isinstance(value, dict):
        known = shape.members
        return {key: _typed(inner, known[key]) if key in known else inner for key, inner in value.items()}
    if shape.type_name == "list" and isinstance(value, list):
        return [_typed(inner, shape.member) for inner in value]
    if shape.type_name == "map" and isinstance(value, dict):
        return {str(key): _typed(inner, shape.value) for key, inner in value.items()}
    if isinstance(value, str):
        return _parsed(value, shape.type_name)
    if shape.type_name == "string" and isinstance(value, bool):
        return str(value).lower()
    return str(value) if shape.type_name == "string" and isinstance(value, int | float) else value


def _parsed(text: str, type_name: str):
    try:
        if type_name in ("integer", "long"):
            return int(text)
        if type_name in ("float", "double"):
            return float(text)
    except ValueError:
        return text  # botocore says what is wrong with it
    return {"true": True, "false": False}.get(text, text) if type_name == "boolean" else text


def _request(service: str, operation: str, properties: dict) -> dict:
    """The properties that an operation takes, typed; those that it doesn't know are left out."""
    shape = _input(service, operation)
    return {key: value for key, value in _typed(properties, shape).items() if key in shape.members}


# --- SageMaker ------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class SageMakerType:
    """A type whose create, update, describe and delete are one family of operations."""

    name: str
    snake: str  # the family as botocore's methods spell it
    name_property: str
    arn_property: str
    updates: bool = False
    ref_is_name: bool = False
    # Properties into the members of the request, where they aren't the same.
    shape: Callable[[dict], dict] = lambda properties: properties
    after: Callable[[str, dict], None] = lambda name, properties: None

    @property
    def type_name(self) -> str:
        """As templates write it."""
        return f"AWS::SageMaker::{self.name}"

    def create(self, logical_id: str, properties: dict, stack_name: str):
        """CloudFormation's create: physical id and attributes."""
        name = properties.get(self.name_property) or provisioners._physical_name(
            stack_name, logical_id, max_len=63
        )
        said = self.shape({**properties, self.name_property: name})
        operation = f"create_{self.snake}"
        told = _call("sagemaker", operation, _request("sagemaker", operation, said))
        self.after(name, properties)
        return self._identity(name, told[self.arn_property])

    def update(self, physical_id: str, old: dict, new: dict, _stack_name: str):
        """CloudFormation's update in place."""
        name = physical_id.rsplit("/", 1)[-1]
        changed = {key for key in {*old, *new} - {"Tags"} if old.get(key) != new.get(key)}
        if self.updates and changed:
            operation = f"update_{self.snake}"
            _call(
                "sagemaker",
                operation,
                _request("sagemaker", operation, self.shape({**new, self.name_property: name})),
            )
        self.after(name, new)
        arn = self._describe(name)[self.arn_property]
        self._retag(arn, old.get("Tags") or [], new.get("Tags") or [])
        return self._identity(name, arn)

    def delete(self, physical_id: str, _properties: dict):
        """CloudFormation's delete; what is gone already is no failure."""
        name = physical_id.rsplit("/", 1)[-1]
        try:
            self._describe(name)
        except ValueError:
            return
        _call("sagemaker", f"delete_{self.snake}", {self.name_property: name})

    def _describe(self, name: str) -> dict:
        return _call("sagemaker", f"describe_{self.snake}", {self.name_property: name})

    def _identity(self, name: str, arn: str):
        told = self._describe(name)
        attributes = {key: str(value) for key, value in told.items() if isinstance(value, str | int | float)}
        attributes |= {
            self.name_property: name,
            self.arn_property: arn,
            "CreationTime": str(told.get("CreationTime")),
        }
        return (name if self.ref_is_name else arn), attributes

    def _retag(self, arn: str, old: list[dict], new: list[dict]) -> None:
        dropped = sorted({tag["Key"] for tag in old} - {tag["Key"] for tag in new})
        if dropped:
            _call("sagemaker", "delete_tags", {"ResourceArn": arn, "TagKeys": dropped})
        if new and new != old:
            _call("sagemaker", "add_tags", {"ResourceArn": arn, "Tags": new})


def _group_policy(name: str, properties: dict) -> None:
    policy = properties.get("ModelPackageGroupPolicy")
    if policy is None:
        _call("sagemaker", "delete_model_package_group_policy", {"ModelPackageGroupName": name})
        return
    text = policy if isinstance(policy, str) else json.dumps(policy)
    _call(
        "sagemaker", "put_model_package_group_policy", {"ModelPackageGroupName": name, "ResourcePolicy": text}
    )


def _pipeline(properties: dict) -> dict:
    """`PipelineDefinition` holds either the text or its place in S3."""
    said = {key: value for key, value in properties.items() if key != "PipelineDefinition"}
    definition = properties["PipelineDefinition"]
    if isinstance(definition, dict) and "PipelineDefinitionS3Location" in definition:
        place = definition["PipelineDefinitionS3Location"]
        renamed = {"Bucket": "Bucket", "Key": "ObjectKey", "Version": "VersionId"}
        said["PipelineDefinitionS3Location"] = {renamed[key]: place[key] for key in renamed if key in place}
    elif isinstance(definition, dict) and "PipelineDefinitionBody" in definition:
        said["PipelineDefinition"] = definition["PipelineDefinitionBody"]
        try:
            pipelines.check(said["PipelineDefinition"])
        except Refused as error:
            raise _failure(error.message, "InvalidRequest") from error
    else:
        raise _failure("`PipelineDefinition` needs a body or a place in S3", "InvalidRequest")
    said["ClientRequestToken"] = uuid.uuid4().hex
    return said


_SAGEMAKER = (
    SageMakerType("Model", "model", "ModelName", "ModelArn"),
    SageMakerType("EndpointConfig", "endpoint_config", "EndpointConfigName", "EndpointConfigArn"),
    SageMakerType("Endpoint", "endpoint", "EndpointName", "EndpointArn", updates=True),
    SageMakerType(
        "InferenceComponent",
        "inference_component",
        "InferenceComponentName",
        "InferenceComponentArn",
        updates=True,
    ),
    SageMakerType(
        "MonitoringSchedule",
        "monitoring_schedule",
        "MonitoringScheduleName",
        "MonitoringScheduleArn",
        updates=True,
    ),
    SageMakerType(
        "ModelPackageGroup",
        "model_package_group",
        "ModelPackageGroupName",
        "ModelPackageGroupArn",
        after=_group_policy,
    ),
    SageMakerType(
        "Pipeline", "pipeline", "PipelineName", "PipelineArn", updates=True, ref_is_name=True, shape=_pipeline
    ),
    *(
        SageMakerType(
            f"{name}JobDefinition", f"{snake}_job_definition", "JobDefinitionName", "JobDefinitionArn"
        )
        for name, snake in (
            ("DataQuality", "data_quality"),
            ("ModelQuality", "model_quality"),
            ("ModelBias", "model_bias"),
            ("ModelExplainability", "model_explainability"),
        )
    ),
)


# --- Application Auto Scaling ---------------------------------------------------------------

_TARGET = ("ServiceNamespace", "ResourceId", "ScalableDimension")


def _target(properties: dict) -> dict:
    """What a scaling resource scales, said outright or by a scalable target's reference."""
    if reference := properties.get("ScalingTargetId"):
        resource, dimension, namespace = reference.split("|")
        return {"ServiceNamespace": namespace, "ResourceId": resource, "ScalableDimension": dimension}
    return {key: properties[key] for key in _TARGET if key in properties}


def _target_put(_logical_id, properties, _stack_name):
    operation = "register_scalable_target"
    _call("application-autoscaling", operation, _request("application-autoscaling", operation, properties))
    physical_id = "|".join(properties[key] for key in ("ResourceId", "ScalableDimension", "ServiceNamespace"))
    return physical_id, {"Id": physical_id}


def _target_update(_physical_id, _old, new, stack_name):
    return _target_put(None, new, stack_name)


def _target_delete(_physical_id, properties):
    target = _target(properties)
    found = _call(
        "application-autoscaling",
        "describe_scalable_targets",
        {"ServiceNamespace": target["ServiceNamespace"], "ResourceIds": [target["ResourceId"]]},
    )
    if found["ScalableTargets"]:
        _call("application-autoscaling", "deregister_scalable_target", target)


def _policy_put(_logical_id, properties, _stack_name):
    operation = "put_scaling_policy"
    said = {**properties, **_target(properties)}
    told = _call("application-autoscaling", operation, _request("application-autoscaling", operation, said))
    return told["PolicyARN"], {"Arn": told["PolicyARN"]}


def _policy_update(_physical_id, _old, new, stack_name):
    return _policy_put(None, new, stack_name)


def _policy_delete(_physical_id, properties):
    found = _call(
        "application-autoscaling",
        "describe_scaling_policies",
        {
            "ServiceNamespace": _target(properties)["ServiceNamespace"],
            "PolicyNames": [properties["PolicyName"]],
        },
    )
    if found["ScalingPolicies"]:
        _call(
            "application-autoscaling",
            "delete_scaling_policy",
            {"PolicyName": properties["PolicyName"], **_target(properties)},
        )


# --- composite alarms -----------------------------------------------------------------------


def _composite_put(name: str, properties: dict):
    request = _request("cloudwatch", "put_composite_alarm", {**properties, "AlarmName": name})
    tags = request.pop("Tags", [])
    _call("cloudwatch", "put_composite_alarm", request)
    found = _call("cloudwatch", "describe_alarms", {"AlarmNames": [name], "AlarmTypes": ["CompositeAlarm"]})
    arn = found["CompositeAlarms"][0]["AlarmArn"]
    # Not by the API: a caller may not set the `aws:` tags that CloudFormation does.
    cloudwatch._resource_tags[arn] = {tag["Key"]: tag["Value"] for tag in tags}
    return name, {"Arn": arn}


def _composite_create(logical_id, properties, stack_name):
    name = properties.get("AlarmName") or provisioners._physical_name(stack_name, logical_id, max_len=255)
    return _composite_put(name, properties)


def _composite_update(physical_id, _old, new, _stack_name):
    return _composite_put(physical_id, new)


def _composite_delete(physical_id, _properties):
    _call("cloudwatch", "delete_alarms", {"AlarmNames": [physical_id]})


# --- what CloudFormation takes in again ------------------------------------------------------


# An import runs on the event loop, where asking this very server would wait for itself: it reads the records.


def _group(arn: str) -> dict | None:
    """The record of a model package group."""
    return next((it for it in records.records(registry.GROUP).values() if it["ModelPackageGroupArn"] == arn), None)


def _group_import(identifier: dict):
    """A model package group comes into a stack by its ARN."""
    arn = identifier["ModelPackageGroupArn"]
    group = _group(arn) or {}
    attributes = {key: str(value) for key, value in group.items() if isinstance(value, str | int | float)}
    return arn, attributes


def _group_import_problem(arn: str) -> str | None:
    """Why no group can be imported by that ARN."""
    return None if _group(arn) else f"ModelPackageGroup {arn} does not exist."


def _bucket_policy(handler: dict) -> dict:
    """ministack's handler, with the physical id that AWS gives a policy: its bucket; and with an import."""

    def create(logical_id, properties, stack_name):
        return properties["Bucket"], handler["create"](logical_id, properties, stack_name)[1]

    def update(_physical_id, old, new, stack_name):
        handler["update"](old.get("Bucket"), old, new, stack_name)
        return new["Bucket"], {}

    def adopt(identifier):
        return identifier["Bucket"], {}

    return {**handler, "create": create, "update": update, "import": adopt}


def _policy_import_problem(bucket: str) -> str | None:
    return None if bucket in s3._bucket_policies else "The bucket policy does not exist"


# --- all together ---------------------------------------------------------------------------

_OURS: dict = {
    **{
        kind.type_name: {"create": kind.create, "update": kind.update, "delete": kind.delete}
        for kind in _SAGEMAKER
    },
    "AWS::ApplicationAutoScaling::ScalableTarget": {
        "create": _target_put,
        "update": _target_update,
        "delete": _target_delete,
    },
    "AWS::ApplicationAutoScaling::ScalingPolicy": {
        "create": _policy_put,
        "update": _policy_update,
        "delete": _policy_delete,
    },
    "AWS::CloudWatch::CompositeAlarm": {
        "create": _composite_create,
        "update": _composite_update,
        "delete": _composite_delete,
    },
}


def _check(type_name: str, properties: dict) -> None:
    """Refuse, as CloudFormation does, what the type doesn't know and what it cannot go without."""
    facts = FACTS[type_name]
    if unknown := sorted(set(properties) - set(facts["properties"])):
        raise ValueError(f"Encountered unsupported property {unknown[0]}")
    if missing := [key for key in facts["required"] if key not in properties]:
        raise ValueError(f"Model validation failed (#: required key [{missing[0]}] not found)")


def _checked(type_name: str, handler: dict) -> dict:
    """A handler that checks properties first, and mends afterwards what ministack drops."""
    mend = mends.MENDS.get(type_name, mends.Mend())
    create, update, delete = handler["create"], handler.get("update"), handler["delete"]

    def checked_create(logical_id, properties, stack_name):
        _check(type_name, properties)
        physical_id, attributes = create(logical_id, properties, stack_name)
        mend.put(physical_id, properties, {})
        return physical_id, attributes

    def checked_update(physical_id, old, new, *rest):
        _check(type_name, new)
        new_id, attributes = update(physical_id, old, new, *rest)
        mend.put(new_id, new, old if new_id == physical_id else {})
        return new_id, attributes

    def checked_delete(physical_id, properties, *rest):
        mend.before_delete(physical_id, properties or {})
        delete(physical_id, properties, *rest)

    checked = {**handler, "create": checked_create, "delete": checked_delete}
    return {**checked, "update": checked_update} if update else checked


def install() -> None:
    """Teach ministack the types, their facts and the mends."""
    mends.install()
    handlers = provisioners._RESOURCE_HANDLERS
    handlers.update(_OURS)
    handlers["AWS::SageMaker::ModelPackageGroup"]["import"] = _group_import
    handlers["AWS::S3::BucketPolicy"] = _bucket_policy(handlers["AWS::S3::BucketPolicy"])
    changesets._IMPORT_LOOKUPS |= {
        "AWS::SageMaker::ModelPackageGroup": (("ModelPackageGroupArn",), _group_import_problem),
        "AWS::S3::BucketPolicy": (("Bucket",), _policy_import_problem),
    }
    for type_name, facts in FACTS.items():
        handlers[type_name] = _checked(type_name, handlers[type_name])
        provisioners._REPLACING_PROPERTIES.setdefault(type_name, tuple(facts["replaces"]))
        if facts["may_replace"]:
            provisioners._CONDITIONALLY_REPLACING_PROPERTIES.setdefault(
                type_name, tuple(facts["may_replace"])
            )
        if "Tags" in facts["properties"]:
            provisioners._STACK_TAG_PROPERTY.setdefault(type_name, ("Tags", "list"))
