"""SageMaker Pipelines: definitions are checked and read from S3; executions are moto's."""

import json
import time

from bridge import Refused, ask_moto

_VERSION = "2020-12-01"


def check(text: str) -> str:
    """Refuse a definition that SageMaker could not read; what passes is handed back."""
    try:
        definition = json.loads(text)
    except ValueError as error:
        raise _invalid(f"it is not JSON: {error}") from error
    if not isinstance(definition, dict) or definition.get("Version") != _VERSION:
        raise _invalid(f"`Version` must be {_VERSION}")
    steps = definition.get("Steps")
    if not isinstance(steps, list) or not steps:
        raise _invalid("`Steps` must hold at least one step")
    names: set[str] = set()
    for step in _all_steps(steps):
        name = step.get("Name") if isinstance(step, dict) else None
        if not name or not step.get("Type"):
            raise _invalid(f"a step lacks its `Name` or `Type`: {json.dumps(step)[:120]}")
        if name in names:
            raise _invalid(f"step names must be unique: `{name}` is there twice")
        names.add(name)
    _check_dependencies(steps, names)
    return text


def _all_steps(steps: list):
    """Every step, those in the branches of conditions included."""
    for step in steps:
        yield step
        arguments = step.get("Arguments") if isinstance(step, dict) else None
        if isinstance(arguments, dict):
            for branch in ("IfSteps", "ElseSteps"):
                yield from _all_steps(arguments.get(branch) or [])


def _check_dependencies(steps: list, names: set[str]) -> None:
    for step in _all_steps(steps):
        for needed in step.get("DependsOn") or []:
            if needed.split(".")[0] not in names:
                raise _invalid(f"step `{step['Name']}` depends on `{needed}`, which isn't there")


def _invalid(why: str) -> Refused:
    return Refused("ValidationException", f"Unable to parse pipeline definition: {why}")


def _from_s3(location: dict) -> str:
    from ministack.services import s3

    bucket, key = location["Bucket"], location["ObjectKey"]
    data = s3._get_object_data(bucket, key, version_id=location.get("VersionId"))
    if data is None:
        raise Refused("ValidationException", f"Unable to read the pipeline definition at s3://{bucket}/{key}")
    return data.decode("utf-8")


def _with_definition(request: dict) -> dict:
    """A Create or Update request with its definition in line, and checked."""
    location = request.pop("PipelineDefinitionS3Location", None)
    if location and request.get("PipelineDefinition"):
        raise Refused(
            "ValidationException", "Either PipelineDefinition or PipelineDefinitionS3Location, not both."
        )
    if location:
        request["PipelineDefinition"] = _from_s3(location)
    if request.get("PipelineDefinition") is not None:
        check(request["PipelineDefinition"])
    return {**request, "Tags": []} if "Tags" in request else request


def _ask(operation: str, request: dict) -> dict:
    headers = {"x-amz-target": f"SageMaker.{operation}", "content-type": "application/x-amz-json-1.1"}
    status, _, body = ask_moto("api.sagemaker", "POST", "/", headers, json.dumps(request).encode())
    told = json.loads(body or b"{}")
    if status >= 400:
        raise Refused(told.get("__type", "ValidationException"), told.get("message", str(told)))
    return told


def execution_steps(request: dict) -> dict:
    """The steps of an execution: moto's executions have always succeeded."""
    arn = {"PipelineExecutionArn": request["PipelineExecutionArn"]}
    definition = json.loads(_ask("DescribePipelineDefinitionForExecution", arn)["PipelineDefinition"])
    at = time.time()
    return {
        "PipelineExecutionSteps": [
            {
                "StepName": step["Name"],
                "StepStatus": "Succeeded",
                "StartTime": at,
                "EndTime": at,
                "AttemptCount": 1,
                "Metadata": {},
            }
            for step in definition["Steps"]
        ]
    }


# Operation → its request as moto shall have it.
PREPARE = {"CreatePipeline": _with_definition, "UpdatePipeline": _with_definition}

OPERATIONS = {
    "ListPipelineExecutionSteps": execution_steps,
    "StopPipelineExecution": lambda request: {"PipelineExecutionArn": request["PipelineExecutionArn"]},
}
