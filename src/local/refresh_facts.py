"""Make `facts.json` anew: what CloudFormation says of each type that the product may emit.

    python3 refresh_facts.py      # with `cfn-lint` installed, whose schemas are AWS's own

Per type: its properties, those that are required, and those whose change replaces the
resource (always, or depending on the value). Facts only, no descriptions. Not embedded in
the product; the file that it writes is.
"""

import json
import pathlib

from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

TYPES = """
ApplicationAutoScaling: ScalableTarget ScalingPolicy
CloudWatch: Alarm CompositeAlarm Dashboard
Events: EventBus Rule
IAM: ManagedPolicy Policy Role
KMS: Alias Key
Lambda: Function Permission
Logs: LogGroup
S3: Bucket BucketPolicy
SNS: Subscription Topic TopicPolicy
SQS: Queue QueuePolicy
SSM: Parameter
SageMaker: DataQualityJobDefinition Endpoint EndpointConfig InferenceComponent Model \
ModelBiasJobDefinition ModelExplainabilityJobDefinition ModelPackageGroup \
ModelQualityJobDefinition MonitoringSchedule Pipeline
Scheduler: Schedule ScheduleGroup
StepFunctions: StateMachine
"""


def top_level(schema: dict, key: str) -> list[str]:
    """The properties that the pointers under `key` reach into, each once."""
    return sorted({pointer.split("/")[2] for pointer in schema.get(key, [])})


def facts(type_name: str) -> dict:
    """What the local cloud needs to know of one type."""
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", type_name).schema
    return {
        "properties": sorted(schema["properties"]),
        "required": sorted(schema.get("required", [])),
        "replaces": top_level(schema, "createOnlyProperties"),
        "may_replace": top_level(schema, "conditionalCreateOnlyProperties"),
    }


def main() -> None:
    """Write the file beside this one."""
    names = [
        f"AWS::{service}::{name}"
        for service, _, kinds in (line.partition(":") for line in TYPES.split("\n") if line)
        for name in kinds.split()
    ]
    lines = [f"{json.dumps(name)}: {json.dumps(facts(name))}" for name in names]
    target = pathlib.Path(__file__).with_name("facts.json")
    target.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
