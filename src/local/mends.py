"""What ministack's CloudFormation drops of a template, told to the services after all.

A mend runs after ministack's own handler, on a worker thread, and calls the service's API with
the properties that the handler passed over; so reading back gives what the template said.
"""

import dataclasses
import json
from collections.abc import Callable

from bridge import client
from ministack.services import cloudformation, stepfunctions
from ministack.services.cloudformation import changesets, provisioners


@dataclasses.dataclass(frozen=True)
class Mend:
    """`put(physical id, properties, former properties)` after a create or an update in place."""

    put: Callable[[str, dict, dict], None] = lambda physical_id, properties, former: None
    before_delete: Callable[[str, dict], None] = lambda physical_id, properties: None


def _text(value) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _true(value) -> bool:
    return str(value).lower() == "true"


def _renamed(source: dict, names: dict[str, str]) -> dict:
    """The members of `source` under the API's names."""
    return {names[key]: value for key, value in source.items() if key in names}


# --- S3 -------------------------------------------------------------------------------------


def _encryption(s3, bucket, said):
    rules = []
    for rule in said["ServerSideEncryptionConfiguration"]:
        by_default = rule.get("ServerSideEncryptionByDefault")
        api = {"BucketKeyEnabled": _true(rule.get("BucketKeyEnabled", False))}
        if by_default:
            api["ApplyServerSideEncryptionByDefault"] = by_default
        rules.append(api)
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": rules})


def _lifecycle_rule(said: dict) -> dict:
    """One lifecycle rule, from CloudFormation's flat form into the API's nested one."""
    rule = {"ID": said["Id"]} if "Id" in said else {}
    rule["Status"] = said["Status"]
    conditions = _renamed(
        said,
        {
            "Prefix": "Prefix",
            "ObjectSizeGreaterThan": "ObjectSizeGreaterThan",
            "ObjectSizeLessThan": "ObjectSizeLessThan",
        },
    )
    conditions |= {key: int(value) for key, value in conditions.items() if key != "Prefix"}
    tags = said.get("TagFilters") or []
    if len(conditions) + len(tags) > 1:
        rule["Filter"] = {"And": {**conditions, **({"Tags": tags} if tags else {})}}
    else:
        rule["Filter"] = {"Tag": tags[0]} if tags else conditions or {"Prefix": ""}
    expiration = _renamed(said, {"ExpirationInDays": "Days", "ExpirationDate": "Date"})
    if "ExpiredObjectDeleteMarker" in said:
        expiration["ExpiredObjectDeleteMarker"] = _true(said["ExpiredObjectDeleteMarker"])
    if "Days" in expiration:
        expiration["Days"] = int(expiration["Days"])
    if expiration:
        rule["Expiration"] = expiration
    noncurrent = dict(said.get("NoncurrentVersionExpiration") or {})
    if "NoncurrentVersionExpirationInDays" in said:
        noncurrent["NoncurrentDays"] = said["NoncurrentVersionExpirationInDays"]
    if noncurrent:
        rule["NoncurrentVersionExpiration"] = {key: int(value) for key, value in noncurrent.items()}
    if abort := said.get("AbortIncompleteMultipartUpload"):
        rule["AbortIncompleteMultipartUpload"] = {key: int(value) for key, value in abort.items()}
    return rule | _transitions(said)


def _transitions(said: dict) -> dict:
    rule = {}
    current = [*(said.get("Transitions") or []), *([said["Transition"]] if "Transition" in said else [])]
    if current:
        names = {"TransitionInDays": "Days", "TransitionDate": "Date", "StorageClass": "StorageClass"}
        rule["Transitions"] = [_with_number(_renamed(move, names), "Days") for move in current]
    former = [
        *(said.get("NoncurrentVersionTransitions") or []),
        *([said["NoncurrentVersionTransition"]] if "NoncurrentVersionTransition" in said else []),
    ]
    if former:
        names = {
            "TransitionInDays": "NoncurrentDays",
            "StorageClass": "StorageClass",
            "NewerNoncurrentVersions": "NewerNoncurrentVersions",
        }
        rule["NoncurrentVersionTransitions"] = [
            _with_number(_with_number(_renamed(move, names), "NoncurrentDays"), "NewerNoncurrentVersions")
            for move in former
        ]
    return rule


def _with_number(members: dict, key: str) -> dict:
    return {**members, key: int(members[key])} if key in members else members


def _lifecycle(s3, bucket, said):
    rules = [_lifecycle_rule(rule) for rule in said.get("Rules") or []]
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})


def _logging(s3, bucket, said):
    target = said.get("DestinationBucketName", bucket)
    enabled = {"TargetBucket": target, "TargetPrefix": said.get("LogFilePrefix", "")}
    if "TargetObjectKeyFormat" in said:
        enabled["TargetObjectKeyFormat"] = said["TargetObjectKeyFormat"]
    s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus={"LoggingEnabled": enabled})


def _ownership(s3, bucket, said):
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls={"Rules": said["Rules"]})


def _versioning(s3, bucket, said):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": said["Status"]})


def _bucket_tags(s3, bucket, said):
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": said})


# Property → how to put it, and how to take it away again when an update drops it.
_BUCKET = {
    "BucketEncryption": (_encryption, lambda s3, bucket: s3.delete_bucket_encryption(Bucket=bucket)),
    "LifecycleConfiguration": (_lifecycle, lambda s3, bucket: s3.delete_bucket_lifecycle(Bucket=bucket)),
    "LoggingConfiguration": (
        _logging,
        lambda s3, bucket: s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus={}),
    ),
    "OwnershipControls": (_ownership, lambda s3, bucket: s3.delete_bucket_ownership_controls(Bucket=bucket)),
    "VersioningConfiguration": (
        _versioning,
        lambda s3, bucket: s3.put_bucket_versioning(
            Bucket=bucket, VersioningConfiguration={"Status": "Suspended"}
        ),
    ),
    "Tags": (_bucket_tags, lambda s3, bucket: s3.delete_bucket_tagging(Bucket=bucket)),
}


def _bucket(bucket: str, properties: dict, former: dict) -> None:
    s3 = client("s3")
    for key, (put, drop) in _BUCKET.items():
        if properties.get(key):
            put(s3, bucket, properties[key])
        elif former.get(key):
            drop(s3, bucket)


def _bucket_is_empty(bucket: str, _properties: dict) -> None:
    """AWS deletes no bucket that holds something, be it an old version; ministack would."""
    s3 = client("s3")
    try:
        held = s3.list_object_versions(Bucket=bucket, MaxKeys=1)
    except s3.exceptions.ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchBucket":
            return
        raise
    if held.get("Versions") or held.get("DeleteMarkers"):
        raise ValueError(
            "The bucket you tried to delete is not empty. You must delete all versions in the bucket. "
            "(Service: S3, Status Code: 409)"
        )


# --- the others -----------------------------------------------------------------------------

_TOPIC_ATTRIBUTES = (
    "KmsMasterKeyId",
    "SignatureVersion",
    "TracingConfig",
    "ArchivePolicy",
    "DataProtectionPolicy",
    "ContentBasedDeduplication",
    "FifoThroughputScope",
)


def _topic(arn: str, properties: dict, former: dict) -> None:
    for name in _TOPIC_ATTRIBUTES:
        if properties.get(name) != former.get(name):
            value = properties.get(name, "")
            text = str(value).lower() if isinstance(value, bool) else _text(value)
            client("sns").set_topic_attributes(TopicArn=arn, AttributeName=name, AttributeValue=text)


def _schedule(name: str, properties: dict, _former: dict) -> None:
    """ministack's handler forgets the time zone, the dates and the key, and on update what was dropped."""
    known = (
        "GroupName",
        "ScheduleExpression",
        "ScheduleExpressionTimezone",
        "FlexibleTimeWindow",
        "Target",
        "State",
        "Description",
        "StartDate",
        "EndDate",
        "KmsKeyArn",
    )
    said = {key: properties[key] for key in known if key in properties}
    window = dict(said.get("FlexibleTimeWindow") or {})
    said["FlexibleTimeWindow"] = _with_number(window, "MaximumWindowInMinutes")
    target = dict(said["Target"])
    if retry := target.get("RetryPolicy"):
        target["RetryPolicy"] = {key: int(value) for key, value in retry.items()}
    client("scheduler").update_schedule(Name=name, **{**said, "Target": target})


def _camel(value):
    """CloudFormation's names as Step Functions' API writes them."""
    if isinstance(value, dict):
        return {key[0].lower() + key[1:]: _camel(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_camel(inner) for inner in value]
    return value


def _state_machine(arn: str, properties: dict, former: dict) -> None:
    said = _camel(properties.get("LoggingConfiguration") or {})
    if said or former.get("LoggingConfiguration"):
        said["level"] = said.get("level", "OFF")
        said["includeExecutionData"] = _true(said.get("includeExecutionData", False))
        client("stepfunctions").update_state_machine(stateMachineArn=arn, loggingConfiguration=said)
    # The API of ministack has no member for it either; its record is what Describe tells.
    record = stepfunctions._state_machines[arn]
    record["tracingConfiguration"] = {
        "enabled": _true(properties.get("TracingConfiguration", {}).get("Enabled"))
    }


def _alarm_record(record: Callable[[str, dict], dict]) -> Callable[[str, dict], dict]:
    """ministack's alarm record, for metric math too, which it refuses; and with one statistic only."""

    def mended(name: str, properties: dict) -> dict:
        metrics = properties.get("Metrics")
        if not metrics:
            alarm = record(name, properties)
            if alarm.get("ExtendedStatistic"):
                del alarm["Statistic"]
            return alarm
        stand_in = {key: value for key, value in properties.items() if key != "Metrics"}
        alarm = record(name, {**stand_in, "MetricName": "-", "Namespace": "-"})
        for member in (
            "MetricName",
            "Namespace",
            "Statistic",
            "ExtendedStatistic",
            "Period",
            "Dimensions",
            "Unit",
        ):
            del alarm[member]
        return alarm | {"Metrics": [_metric(query) for query in metrics]}

    return mended


def _metric(said: dict) -> dict:
    """One query of metric math with its numbers and booleans typed."""
    query = dict(said)
    if "ReturnData" in query:
        query["ReturnData"] = _true(query["ReturnData"])
    if "MetricStat" in query:
        query["MetricStat"] = _with_number(query["MetricStat"], "Period")
    return _with_number(query, "Period")


def _drop_other_change_sets(stack_id: str, executed: str) -> None:
    """What an executed change set makes obsolete goes, also what was made for the same stack while it was still empty:
    ministack takes that for another stack of the name."""
    name = stack_id.rpartition("/")[0]
    for other, made in list(cloudformation._change_sets.items()):
        if other != executed and made.get("StackId", "").rpartition("/")[0] == name:
            cloudformation._change_sets.pop(other, None)


def install() -> None:
    """The mends that stand before ministack's handlers rather than after them."""
    changesets._drop_other_change_sets = _drop_other_change_sets
    provisioners._cw_metric_alarm_record = _alarm_record(provisioners._cw_metric_alarm_record)


def _role(name: str, properties: dict, former: dict) -> None:
    boundary = properties.get("PermissionsBoundary")
    if boundary:
        client("iam").put_role_permissions_boundary(RoleName=name, PermissionsBoundary=boundary)
    elif former.get("PermissionsBoundary"):
        client("iam").delete_role_permissions_boundary(RoleName=name)


MENDS = {
    "AWS::S3::Bucket": Mend(_bucket, _bucket_is_empty),
    "AWS::SNS::Topic": Mend(_topic),
    "AWS::Scheduler::Schedule": Mend(_schedule),
    "AWS::StepFunctions::StateMachine": Mend(_state_machine),
    "AWS::IAM::Role": Mend(_role),
}
