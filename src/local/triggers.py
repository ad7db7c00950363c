"""What starts by itself in a stack: targets and integrations that ministack cannot reach.

Rules and schedules start SageMaker pipelines; state machines call SageMaker and CloudFormation
(`arn:aws:states:::aws-sdk:cloudformation:…`).
"""

import json
import logging
import uuid

import sagemaker
from bridge import scope
from ministack.services import eventbridge, stepfunctions

# As ministack describes its own services to `aws-sdk:` integrations.
_SDK_SERVICES = {
    "sagemaker": {"target_prefix": "SageMaker", "protocol": "json"},
    "cloudformation": {"protocol": "query"},
}
_SDK_ERRORS = {"sagemaker": "SageMaker", "cloudformation": "CloudFormation"}


def start_pipeline(arn: str, target: dict) -> None:
    """Start a pipeline of the caller's account and region as EventBridge does."""
    account, region = scope()
    said = (target.get("SageMakerPipelineParameters") or {}).get("PipelineParameterList") or []
    request = {
        "PipelineName": arn.rsplit("/", 1)[-1],
        "PipelineParameters": [{"Name": one["Name"], "Value": str(one["Value"])} for one in said],
        "ClientRequestToken": uuid.uuid4().hex,
    }
    log = logging.getLogger("triggers")
    if not arn.startswith(f"arn:aws:sagemaker:{region}:{account}:pipeline/"):
        log.warning("no pipeline of this account and region: %s", arn)
        return
    headers = {
        "x-amz-target": "SageMaker.StartPipelineExecution",
        "content-type": "application/x-amz-json-1.1",
    }
    status, _, body = sagemaker.serve("POST", "/", headers, json.dumps(request).encode())
    log.info("started %s: %s %s", arn, status, body.decode())


def install() -> None:
    """Add the targets and integrations."""
    stepfunctions._AWS_SDK_SERVICE_MAP.update(_SDK_SERVICES)
    stepfunctions._AWS_SDK_ERROR_PREFIX.update(_SDK_ERRORS)
    invoke = eventbridge._invoke_target

    def invoke_or_start(target, event, rule, *rest, **more):
        arn = target.get("Arn", "")
        if ":sagemaker:" in arn and ":pipeline/" in arn:
            start_pipeline(arn, target)
        else:
            invoke(target, event, rule, *rest, **more)

    eventbridge._invoke_target = invoke_or_start
