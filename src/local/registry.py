"""The model registry: package groups and versions, approvals and the events that they send."""

import itertools
import json

from bridge import Refused, scope
from records import (
    LOCK,
    Kind,
    arn_of,
    create,
    find,
    listed,
    now,
    page_of,
    records,
    remove,
    set_tags,
    sort,
    tags_of,
    told,
    within,
)

GROUP = Kind(
    "ModelPackageGroup",
    "model-package-group",
    "ModelPackageGroupSummaryList",
    ("ModelPackageGroupDescription", "ModelPackageGroupStatus"),
)
# Versions of a group and packages without one, by ARN.
PACKAGE = Kind("ModelPackage", "model-package", "ModelPackageSummaryList")
_SUMMARY = (
    "ModelPackageName",
    "ModelPackageGroupName",
    "ModelPackageVersion",
    "ModelPackageArn",
    "ModelPackageDescription",
    "CreationTime",
    "ModelPackageStatus",
    "ModelApprovalStatus",
)
_APPROVALS = ("Approved", "Rejected", "PendingManualApproval")
_ORDER = itertools.count()


# --- groups ---------------------------------------------------------------------------------


def create_group(request: dict) -> dict:
    record = create(GROUP, request, ModelPackageGroupStatus="Completed", CreatedBy={}, _versions=0)
    return {"ModelPackageGroupArn": record["ModelPackageGroupArn"]}


def delete_group(request: dict) -> dict:
    group = find(GROUP, request["ModelPackageGroupName"])
    name = group["ModelPackageGroupName"]
    if any(package.get("ModelPackageGroupName") == name for package in records(PACKAGE).values()):
        raise Refused(
            "ConflictException",
            f"Model Package Group {group['ModelPackageGroupArn']} cannot be deleted "
            "because it still contains Model Packages.",
        )
    remove(GROUP, name)
    return {}


def put_policy(request: dict) -> dict:
    group = find(GROUP, request["ModelPackageGroupName"])
    try:
        json.loads(request["ResourcePolicy"])
    except ValueError as error:
        raise Refused("ValidationException", f"The resource policy is not JSON: {error}") from error
    group["_policy"] = request["ResourcePolicy"]
    return {"ModelPackageGroupArn": group["ModelPackageGroupArn"]}


def get_policy(request: dict) -> dict:
    policy = find(GROUP, request["ModelPackageGroupName"]).get("_policy")
    if policy is None:
        raise Refused("ValidationException", f"No policy found for {request['ModelPackageGroupName']}.")
    return {"ResourcePolicy": policy}


def delete_policy(request: dict) -> dict:
    find(GROUP, request["ModelPackageGroupName"]).pop("_policy", None)
    return {}


# --- packages -------------------------------------------------------------------------------


def _package(name: str) -> dict:
    """A package by its ARN or, one without a group, by its name."""
    record = records(PACKAGE).get(name if name.startswith("arn:") else arn_of("model-package", name.lower()))
    if record is None:
        raise Refused("ValidationException", f"ModelPackage {name} does not exist.")
    return record


def check_reference(name: str) -> None:
    """Refuse a model of a package that isn't there; other accounts' and regions' aren't looked at."""
    account, region = scope()
    if not name.startswith("arn:") or name.split(":")[3:5] == [region, account]:
        with LOCK:
            _package(name)


def _approval(status: str | None) -> str | None:
    if status is not None and status not in _APPROVALS:
        raise Refused(
            "ValidationException",
            f"1 validation error detected: Value '{status}' at 'modelApprovalStatus' "
            f"failed to satisfy constraint: Member must satisfy enum value set: {list(_APPROVALS)}",
        )
    return status


def create_package(request: dict) -> dict:
    group_name, name = request.get("ModelPackageGroupName"), request.get("ModelPackageName")
    if bool(group_name) == bool(name):
        raise Refused(
            "ValidationException", "Exactly one of ModelPackageName and ModelPackageGroupName is needed."
        )
    approval = _approval(request.get("ModelApprovalStatus"))
    members: dict = {}
    if group_name:
        group = find(GROUP, group_name)
        group["_versions"] += 1  # a deleted version's number is never used again
        name = group["ModelPackageGroupName"]
        members = {
            "ModelPackageGroupName": name,
            "ModelPackageVersion": group["_versions"],
            "ModelApprovalStatus": approval or "PendingManualApproval",
        }
        arn = arn_of("model-package", f"{name.lower()}/{group['_versions']}")
    else:
        arn = arn_of("model-package", name.lower())
        if arn in records(PACKAGE):
            raise Refused("ConflictException", f"Model package {arn} already exists.")
    unsaid = ("Tags", "ClientToken")
    record = (
        {m: v for m, v in request.items() if m not in unsaid}
        | members
        | {
            "ModelPackageArn": arn,
            "CreationTime": now(),
            "ModelPackageStatus": "Completed",
            "ModelPackageStatusDetails": {"ValidationStatuses": [], "ImageScanStatuses": []},
            "CertifyForMarketplace": request.get("CertifyForMarketplace", False),
            "CreatedBy": {},
            "_order": next(_ORDER),
        }
    )
    records(PACKAGE)[arn] = record
    set_tags(arn, request.get("Tags"))
    _announce(record)
    return {"ModelPackageArn": arn}


def update_package(request: dict) -> dict:
    record = _package(request["ModelPackageArn"])
    _approval(request.get("ModelApprovalStatus"))
    before = record.get("ModelApprovalStatus")
    for member in (
        "ModelApprovalStatus",
        "ApprovalDescription",
        "InferenceSpecification",
        "SourceUri",
        "ModelCard",
        "ModelLifeCycle",
        "ModelPackageRegistrationType",
    ):
        if member in request:
            record[member] = request[member]
    properties = record.get("CustomerMetadataProperties", {}) | request.get("CustomerMetadataProperties", {})
    for key in request.get("CustomerMetadataPropertiesToRemove", []):
        properties.pop(key, None)
    if properties or "CustomerMetadataProperties" in record:
        record["CustomerMetadataProperties"] = properties
    if added := request.get("AdditionalInferenceSpecificationsToAdd"):
        record["AdditionalInferenceSpecifications"] = [
            *record.get("AdditionalInferenceSpecifications", []),
            *added,
        ]
    record.update(LastModifiedTime=now(), LastModifiedBy={})
    if record.get("ModelApprovalStatus") != before:
        _announce(record)
    return {"ModelPackageArn": record["ModelPackageArn"]}


def delete_package(request: dict) -> dict:
    record = _package(request["ModelPackageName"])
    del records(PACKAGE)[record["ModelPackageArn"]]
    return {}


def list_packages(request: dict) -> dict:
    group = (request.get("ModelPackageGroupName") or "").rsplit("/", 1)[-1]
    kind = "Versioned" if group else request.get("ModelPackageType", "Unversioned")
    found = [
        record
        for record in records(PACKAGE).values()
        if within(record, request)
        and group in ("", record.get("ModelPackageGroupName"))
        and kind in ("Both", "Versioned" if "ModelPackageVersion" in record else "Unversioned")
        and request.get("ModelApprovalStatus") in (None, record.get("ModelApprovalStatus"))
        and request.get("NameContains", "")
        in (record.get("ModelPackageName") or record["ModelPackageGroupName"])
    ]
    page, token = page_of(sort(found, request, "ModelPackageArn", ascending=True), request)
    return {PACKAGE.listing: [{m: record[m] for m in _SUMMARY if m in record} for record in page]} | token


def batch_describe(request: dict) -> dict:
    arns = request["ModelPackageArnList"]
    found = {arn: told(records(PACKAGE)[arn]) for arn in arns if arn in records(PACKAGE)}
    errors = {
        arn: {"ErrorCode": "ValidationException", "ErrorResponse": f"ModelPackage {arn} does not exist."}
        for arn in arns
        if arn not in found
    }
    return {"ModelPackageSummaries": found, "BatchDescribeModelPackageErrorMap": errors}


def _announce(record: dict) -> None:
    """Send `SageMaker Model Package State Change`, for which rules of the stack wait.

    The detail is that of Amazon EventBridge's SageMaker events (docs.aws.amazon.com,
    "SageMaker model package state change"): the Describe response, times in milliseconds.
    """
    from ministack.services import eventbridge

    detail = {
        member: int(value * 1000) if member.endswith("Time") else value
        for member, value in told(record).items()
    }
    detail["Tags"] = tags_of(record["ModelPackageArn"]) or {}
    eventbridge._put_events(
        {
            "Entries": [
                {
                    "Source": "aws.sagemaker",
                    "DetailType": "SageMaker Model Package State Change",
                    "Detail": json.dumps(detail),
                    "Resources": [record["ModelPackageArn"]],
                }
            ]
        },
        allow_aws_source=True,
    )


OPERATIONS: dict = {
    "CreateModelPackageGroup": create_group,
    "DescribeModelPackageGroup": lambda request: told(find(GROUP, request["ModelPackageGroupName"])),
    "ListModelPackageGroups": lambda request: listed(GROUP, request),
    "DeleteModelPackageGroup": delete_group,
    "PutModelPackageGroupPolicy": put_policy,
    "GetModelPackageGroupPolicy": get_policy,
    "DeleteModelPackageGroupPolicy": delete_policy,
    "CreateModelPackage": create_package,
    "DescribeModelPackage": lambda request: told(_package(request["ModelPackageName"])),
    "BatchDescribeModelPackage": batch_describe,
    "UpdateModelPackage": update_package,
    "DeleteModelPackage": delete_package,
    "ListModelPackages": list_packages,
}
