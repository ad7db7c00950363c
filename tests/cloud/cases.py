"""What change sets of the local cloud say of changed templates.

    python cases.py BASE.json CHANGED.json

BASE.json is a template; CHANGED.json maps the title of each case to a changed template and the values of its
parameters. The base is deployed once; each case becomes a change set, which is read and removed. Prints, by title,
what each change does by logical id, or why there is no change set.
"""

import json
import sys
import time

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

STACK = "cases"
CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"]


def service(name: str):
    return boto3.client(name, config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 2}))


def arguments(values: dict) -> list[dict]:
    """Values of parameters as the API takes them."""
    return [{"ParameterKey": key, "ParameterValue": value} for key, value in sorted(values.items())]


def register(versions: int) -> dict[str, str]:
    """Versions of a model; their ARNs by what the table calls them: `a/1`, `a/2`, …"""
    sagemaker = service("sagemaker")
    sagemaker.create_model_package_group(ModelPackageGroupName="a")
    container = {"Image": "111122223333.dkr.ecr.us-east-1.amazonaws.com/a:1", "ModelDataUrl": "s3://lake/model.tar.gz"}
    inference = {
        "Containers": [container],
        "SupportedContentTypes": ["application/json"],
        "SupportedResponseMIMETypes": ["application/json"],
    }
    return {
        f"a/{version}": sagemaker.create_model_package(
            ModelPackageGroupName="a", InferenceSpecification=inference, ModelApprovalStatus="Approved"
        )["ModelPackageArn"]
        for version in range(1, versions + 1)
    }


def prepare() -> None:
    """What the base refers to and does not make."""
    s3, ssm = service("s3"), service("ssm")
    s3.create_bucket(Bucket="lake")
    definition = {
        "Version": "2020-12-01",
        "Steps": [{"Name": "stop", "Type": "Fail", "Arguments": {"ErrorMessage": "no"}}],
    }
    for key in ("definitions/1.json", "definitions/2.json"):
        s3.put_object(Bucket="lake", Key=key, Body=json.dumps(definition).encode())
    for name, value in (("/lake/bucket", "lake"), ("/a/b", "c")):
        ssm.put_parameter(Name=name, Value=value, Type="String")


def ended(cloudformation) -> str:
    """The stack's status once it has come to rest."""
    while True:
        stack = cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]
        if not stack["StackStatus"].endswith("_IN_PROGRESS"):
            return stack["StackStatus"]
        time.sleep(0.2)


def deploy(cloudformation, template: dict, values: dict) -> None:
    cloudformation.create_stack(
        StackName=STACK,
        TemplateBody=json.dumps(template),
        Parameters=arguments(values),
        Capabilities=CAPABILITIES,
    )
    status = ended(cloudformation)
    if status != "CREATE_COMPLETE":
        events = cloudformation.describe_stack_events(StackName=STACK)["StackEvents"]
        why = [f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason')}" for event in events]
        sys.exit(f"the base ended in {status}:\n" + "\n".join(reversed(why)))


def perhaps(change: dict) -> bool:
    """Whether a resource is listed only because it refers to one that changes."""
    details = change.get("Details", [])
    return bool(details) and all(
        detail.get("Evaluation") == "Dynamic" and detail.get("ChangeSource") != "DirectModification"
        for detail in details
    )


def said(cloudformation, template: dict, values: dict) -> dict:
    """What a change set says: its changes, or why there is none."""
    name = f"case-{time.time_ns()}"
    try:
        cloudformation.create_change_set(
            StackName=STACK,
            ChangeSetName=name,
            ChangeSetType="UPDATE",
            TemplateBody=json.dumps(template),
            Parameters=arguments(values),
            Capabilities=CAPABILITIES,
        )
    except ClientError as error:
        return {"refused": error.response["Error"]["Message"]}
    while True:
        found = cloudformation.describe_change_set(StackName=STACK, ChangeSetName=name)
        if not found["Status"].endswith(("_IN_PROGRESS", "_PENDING")):
            break
        time.sleep(0.05)
    changes = [change["ResourceChange"] for change in found.get("Changes", [])]
    cloudformation.delete_change_set(StackName=STACK, ChangeSetName=name)
    return {
        "status": found["Status"],
        "reason": found.get("StatusReason", ""),
        "changes": {
            change["LogicalResourceId"]: {
                "action": change["Action"],
                "replacement": change.get("Replacement", ""),
                "perhaps": perhaps(change),
            }
            for change in changes
        },
    }


def main() -> None:
    with open(sys.argv[1]) as text:
        base = json.load(text)
    with open(sys.argv[2]) as text:
        changed = json.load(text)
    cloudformation = service("cloudformation")
    prepare()
    models = register(2)
    before = {"ModelPackageArn": models["a/1"]}
    deploy(cloudformation, base, before)
    answers = {}
    for title, case in changed.items():
        given = {name: models.get(value, value) for name, value in case["parameters"].items()}
        answers[title] = said(cloudformation, case["template"], {**before, **given})
    json.dump(answers, sys.stdout, indent=1)


if __name__ == "__main__":
    main()
