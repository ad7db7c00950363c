"""What a deployed stack file became, asked of the services, beside what the stack file says.

    python workload.py register STACK_FILE ENV               # a version as the pipeline would, approved
    python workload.py check STACK_FILE ENV PIPELINE_JSON    # every resource read back and compared
    python workload.py absent                                # nothing at all is there
    python workload.py status STACK                          # the status of a CloudFormation stack
    python workload.py suspend STACK LOGICAL_ID              # the versioning of a stack's bucket, behind its back
    python workload.py delete-bucket NAME                    # by hand, as somebody might
    python workload.py damage VERSION                        # of the published data: `a.csv` and `new.csv`
    python workload.py stack NAME                            # whether it is protected, and its policy
    python workload.py change-sets                           # those that nobody has executed
    python workload.py scale STACK_FILE ENV COUNT            # as many instances of every variant
    python workload.py scaling STACK_FILE ENV                # what runs and what is registered

The cloud is whatever the standard variables name (`AWS_ENDPOINT_URL`, `AWS_ACCESS_KEY_ID`, …). Expectations
come from the stack file alone; differences are printed, and the exit code is 1 if there is one.
"""

import functools
import json
import re
import sys
import time

import boto3
import yaml
from botocore.config import Config
from botocore.exceptions import ClientError

UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}


@functools.cache
def service(name: str):
    """A client of the service, with S3 addressed by path as a loopback endpoint needs it."""
    return boto3.client(name, config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 2}))


class Loader(yaml.SafeLoader):
    """YAML 1.2 as smstack reads it: `on` is a key, not a boolean."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(?:true|false)$"), list("tf"))


def seconds(text: str) -> float:
    """`5m` → 300."""
    number, unit = re.fullmatch(r"([0-9.]+)([a-z]+)", text).groups()
    return float(number) * UNITS[unit]


def days(text: str) -> int:
    return round(seconds(text) / UNITS["d"])


def merged(base, over):
    """An environment's overrides over the file."""
    if isinstance(base, dict) and isinstance(over, dict):
        return {**base, **{key: merged(base.get(key), value) for key, value in over.items()}}
    return over


def load(path: str, environment: str) -> dict:
    """The stack file as one environment sees it."""
    with open(path) as text:
        said = yaml.load(text, Loader)
    return merged(said, said["environments"][environment].get("overrides", {}))


class Deployed:
    """The two CloudFormation stacks of an environment, and their resources by logical id."""

    def __init__(self, said: dict, environment: str):
        self.said, self.environment = said, environment
        self.name = f"{said['name']}-{environment}"
        self.stacks = {kind: self.describe(f"{self.name}-{kind}") for kind in ("platform", "serving")}
        self.outputs = {
            kind: {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
            for kind, stack in self.stacks.items()
        }
        self.resources = {kind: self.resources_of(stack["StackName"]) for kind, stack in self.stacks.items()}

    @staticmethod
    def describe(stack: str) -> dict:
        return service("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]

    @staticmethod
    def resources_of(stack: str) -> list[dict]:
        pages = service("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack)
        return [resource for page in pages for resource in page["StackResourceSummaries"]]

    def fixed(self, name: str) -> str:
        return f"{name}-{self.environment}"

    def physical(self, kind: str, type_name: str, starts: str = "") -> list[str]:
        """Physical ids of a type's resources, by what their logical id starts with."""
        return [
            resource["PhysicalResourceId"] for resource in self.resources[kind]
            if resource["ResourceType"] == type_name and resource["LogicalResourceId"].startswith(starts)
        ]

    def only(self, kind: str, type_name: str, starts: str = "") -> str:
        found = self.physical(kind, type_name, starts)
        assert len(found) == 1, f"{len(found)} resources {type_name} {starts} in {kind}: {found}"
        return found[0]


def pascal(name: str) -> str:
    return "".join(word[:1].upper() + word[1:] for word in re.split(r"[^A-Za-z0-9]+", name))


class Findings:
    """Comparisons made, and those that failed."""

    def __init__(self):
        self.made, self.wrong = 0, []

    def same(self, what: str, found, wanted):
        self.made += 1
        if found != wanted:
            self.wrong.append(f"{what}: {found!r}, and the stack file says {wanted!r}")

    def true(self, what: str, so, shown=None):
        self.made += 1
        if not so:
            self.wrong.append(f"{what}: {shown!r}")


def all_steps(steps: list):
    """Every step, those in the branches of conditions included."""
    for step in steps:
        yield step
        for branch in ("IfSteps", "ElseSteps"):
            yield from all_steps((step.get("Arguments") or {}).get(branch) or [])


# --- register -------------------------------------------------------------------------------


def resolved(value, definition: dict, bucket: str):
    """A value of the definition as an execution would fill it in."""
    if isinstance(value, list):
        return [resolved(inner, definition, bucket) for inner in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"Std:Join"}:
        join = value["Std:Join"]
        return join["On"].join(str(resolved(part, definition, bucket)) for part in join["Values"])
    if set(value) == {"Get"}:
        kind, name = value["Get"].split(".", 1)
        if kind == "Parameters":
            return next(p["DefaultValue"] for p in definition["Parameters"] if p["Name"] == name)
        plain = re.sub("[^A-Za-z0-9]+", "-", name).strip("-")
        is_place = re.search("(S3Uri|Statistics|Constraints)$", name)
        return f"s3://{bucket}/executions/{plain}" if is_place else plain
    return {key: resolved(inner, definition, bucket) for key, inner in value.items()}


def register(said: dict, environment: str) -> str:
    """Register a version as the deployed pipeline's own step says, then approve it."""
    sagemaker = service("sagemaker")
    pipeline = sagemaker.describe_pipeline(PipelineName=f"{said['name']}-{environment}")
    definition = json.loads(pipeline["PipelineDefinition"])
    steps = [step for step in all_steps(definition["Steps"]) if step["Type"] == "RegisterModel"]
    assert len(steps) == 1, [step["Name"] for step in steps]
    stack = Deployed.describe(f"{said['name']}-{environment}-platform")
    buckets = [o["OutputValue"] for o in stack["Outputs"] if o["OutputKey"] == "ArtifactsBucketName"]
    request = resolved(steps[0]["Arguments"], definition, buckets[0])
    arn = sagemaker.create_model_package(**request)["ModelPackageArn"]
    told = sagemaker.describe_model_package(ModelPackageName=arn)
    assert told["ModelApprovalStatus"] == said["parameters"]["approval_status"]["default"], told
    sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    if any(r["LogicalResourceId"] == "ServingRollout" for r in Deployed.resources_of(stack["StackName"])):
        wait_for_rollout(f"{said['name']}-{environment}-serving", arn)
    return arn


def wait_for_rollout(stack: str, version: str) -> None:
    """Wait until the approval, by itself, has brought the serving stack to a version."""
    deadline, seen = time.monotonic() + 60, "no stack"
    while time.monotonic() < deadline:
        try:
            now = Deployed.describe(stack)
        except ClientError:
            time.sleep(0.2)
            continue
        versions = [p["ParameterValue"] for p in now["Parameters"] if p["ParameterKey"] == "ModelPackageArn"]
        seen = f"{now['StackStatus']} with {versions}"
        if versions == [version] and now["StackStatus"] in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            return
        time.sleep(0.2)
    raise TimeoutError(f"{stack} did not come to {version} by itself: {seen}")


# --- check ----------------------------------------------------------------------------------


def check_lake(now: Deployed, find: Findings) -> None:
    s3, lake = service("s3"), now.said["data_lake"]
    key = service("kms").describe_key(KeyId=f"alias/{now.name}")["KeyMetadata"]
    rotation = service("kms").get_key_rotation_status(KeyId=key["KeyId"])
    find.true("key rotation", rotation["KeyRotationEnabled"], rotation)
    find.same("the stack's keys", now.physical("platform", "AWS::KMS::Key"), [key["KeyId"]])
    find.same("number of buckets", len(now.physical("platform", "AWS::S3::Bucket")), len(lake["buckets"]))
    for name, said in lake["buckets"].items():
        bucket = now.outputs["platform"][f"{pascal(name)}BucketName"]
        where = f"bucket {name}"
        status = s3.get_bucket_versioning(Bucket=bucket).get("Status")
        find.same(f"{where}: versioning", status, "Enabled" if said["versioned"] else None)
        rules = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
        default = rules[0]["ApplyServerSideEncryptionByDefault"]
        algorithm = {"kms": "aws:kms", "s3": "AES256"}[lake["encryption"]]
        find.same(f"{where}: encryption", default["SSEAlgorithm"], algorithm)
        find.same(f"{where}: key", default.get("KMSMasterKeyID"), key["Arn"])
        find.true(f"{where}: bucket key", rules[0]["BucketKeyEnabled"], rules)
        policy = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])
        tls = [s for s in policy["Statement"] if s["Effect"] == "Deny"
               and s["Condition"] == {"Bool": {"aws:SecureTransport": "false"}} and s["Action"] == "s3:*"]
        both = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
        find.same(f"{where}: TLS only", [s["Resource"] for s in tls], [both])
        blocked = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
        find.true(f"{where}: public access", len(blocked) == 4 and all(blocked.values()), blocked)
        owner = s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"]
        find.same(f"{where}: ownership", owner, [{"ObjectOwnership": "BucketOwnerEnforced"}])
        lifecycle = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
        kept = [r["NoncurrentVersionExpiration"]["NoncurrentDays"] for r in lifecycle
                if "NoncurrentVersionExpiration" in r]
        wanted = [days(said["expire_noncurrent"])] if "expire_noncurrent" in said else []
        find.same(f"{where}: noncurrent versions", kept, wanted)
        expiry = [r["Expiration"]["Days"] for r in lifecycle if "Days" in r.get("Expiration", {})]
        find.same(f"{where}: expiry", expiry, [days(said["expire"])] if "expire" in said else [])
        watched = now.said["pipeline"]["triggers"]["on_new_data"]
        notifies = "EventBridgeConfiguration" in s3.get_bucket_notification_configuration(Bucket=bucket)
        find.same(f"{where}: events", notifies, lake["datasets"][watched]["bucket"] == name)


def check_tags(now: Deployed, find: Findings) -> None:
    for kind, stack in now.stacks.items():
        tags = {tag["Key"]: tag["Value"] for tag in stack["Tags"]}
        wanted = {**now.said["tags"], "smstack:stack": now.said["name"], "smstack:environment": now.environment}
        find.same(f"tags of the {kind} stack", tags, wanted)
        find.true(f"status of the {kind} stack", stack["StackStatus"] in ("CREATE_COMPLETE", "UPDATE_COMPLETE"),
                  stack["StackStatus"])


def check_registry(now: Deployed, find: Findings) -> None:
    for name, said in now.said["registry"].items():
        group = service("sagemaker").describe_model_package_group(ModelPackageGroupName=now.fixed(name))
        find.same(f"group {name}", group["ModelPackageGroupDescription"], said["description"])
        if said.get("on_approval") != "deploy":
            continue
        rule = approval_rule(now, now.fixed(name))
        find.true(f"group {name}: a rule for approvals", rule is not None)
        targets = service("events").list_targets_by_rule(Rule=rule)["Targets"]
        machine = now.only("platform", "AWS::StepFunctions::StateMachine", "Serving")
        find.same(f"group {name}: what an approval starts", [t["Arn"] for t in targets], [machine])
        told = service("stepfunctions").describe_state_machine(stateMachineArn=machine)
        find.true(f"group {name}: the rollout knows its stack",
                  f"{now.name}-serving" in told["definition"] and now.fixed(name) in told["definition"])


def approval_rule(now: Deployed, group: str) -> str | None:
    for name in now.physical("platform", "AWS::Events::Rule"):
        rule = service("events").describe_rule(Name=name.rsplit("/", 1)[-1])
        detail = json.loads(rule["EventPattern"]).get("detail", {})
        if detail.get("ModelPackageGroupName") == [group]:
            return rule["Name"] if detail["ModelApprovalStatus"] == ["Approved"] else None
    return None


def check_pipeline(now: Deployed, find: Findings, rendered: str) -> None:
    told = service("sagemaker").describe_pipeline(PipelineName=now.name)
    said = now.said["pipeline"]
    text = told["PipelineDefinition"]
    # Whatever the assembly leaves open (`${…}`) may hold anything; all else must be there to the letter.
    open_parts = [re.escape(part) for part in re.split(r"\$\{[A-Za-z0-9:.]+\}", rendered)]
    find.true("no placeholder is left in the definition", "${" not in text, re.findall(r"\$\{[^}]*\}", text))
    matches = re.fullmatch('[^"]+'.join(open_parts), json.dumps(json.loads(text), separators=(",", ":"),
                                                               ensure_ascii=False), re.DOTALL)
    find.true("the definition is pipeline.json with its placeholders filled in", matches is not None)
    definition = json.loads(text)
    steps = {step["Name"]: step for step in all_steps(definition["Steps"])}
    kinds = {"processing": "Processing", "tuning": "Tuning", "training": "Training"}
    for step in said["steps"]:
        (kind, value), = step.items()
        if kind in kinds:
            find.same(f"step {value}", steps.get(value, {}).get("Type"), kinds[kind])
            if "cache" in said:
                cache = {"Enabled": True, "ExpireAfter": f"P{days(said['cache'])}D"}
                find.same(f"step {value}: cache", steps[value].get("CacheConfig"), cache)
    for kind in ("Condition", "RegisterModel", "Fail"):
        count = sum(step["Type"] == kind for step in steps.values())
        find.same(f"steps {kind}", count, 1)
    for name, parameter in now.said["parameters"].items():
        default = parameter["default"] if isinstance(parameter, dict) else parameter
        found = [p["DefaultValue"] for p in definition["Parameters"] if p["Name"] == name]
        find.same(f"parameter {name}", found, [default])
    parallel = {"MaxParallelExecutionSteps": said["max_parallel"]}
    find.same("parallelism", told.get("ParallelismConfiguration"), parallel)
    find.same("the pipeline's role", told["RoleArn"].split("/")[-1],
              now.only("platform", "AWS::IAM::Role", "PipelineRole"))


def check_triggers(now: Deployed, find: Findings) -> None:
    said = now.said["pipeline"]["triggers"]
    schedule = service("scheduler").get_schedule(Name=now.only("platform", "AWS::Scheduler::Schedule"))
    find.same("schedule", schedule["ScheduleExpression"], said["schedule"])
    find.true("schedule: what it starts", schedule["Target"]["Arn"].endswith(f":pipeline/{now.name}"), schedule)
    dataset = now.said["data_lake"]["datasets"][said["on_new_data"]]
    bucket = now.outputs["platform"][f"{pascal(dataset['bucket'])}BucketName"]
    starts = {}
    for name in now.physical("platform", "AWS::Events::Rule"):
        rule = service("events").describe_rule(Name=name.rsplit("/", 1)[-1])
        targets = service("events").list_targets_by_rule(Rule=rule["Name"])["Targets"]
        find.same(f"rule {rule['Name']}: state", rule["State"], "ENABLED")
        if any(target["Arn"].endswith(f":pipeline/{now.name}") for target in targets):
            pattern = json.loads(rule["EventPattern"])
            starts[pattern["source"][0]] = pattern["detail"]
    find.same("events that start the pipeline", sorted(starts), ["aws.cloudwatch", "aws.s3"])
    find.same("new data: bucket", starts["aws.s3"]["bucket"]["name"], [bucket])
    key = f"{dataset['prefix']}manifests/latest.json" if dataset.get("versions") else {"prefix": dataset["prefix"]}
    find.same("new data: prefix", starts["aws.s3"]["object"]["key"], [key])
    find.same("drift", starts["aws.cloudwatch"]["state"], {"value": ["ALARM"]})
    prefix = starts["aws.cloudwatch"]["alarmName"][0]["prefix"]
    violations = now.only("serving", "AWS::CloudWatch::Alarm", "DriftViolations")
    find.true("drift: the alarm is the monitor's", violations.startswith(prefix), (violations, prefix))


def check_endpoints(now: Deployed, find: Findings) -> None:
    sagemaker = service("sagemaker")
    key = now.outputs["platform"]["LakeKeyArn"]
    for name, said in now.said["endpoints"].items():
        endpoint = sagemaker.describe_endpoint(EndpointName=now.fixed(name))
        config = sagemaker.describe_endpoint_config(EndpointConfigName=endpoint["EndpointConfigName"])
        find.same(f"{name}: status", endpoint["EndpointStatus"], "InService")
        find.same(f"{name}: volume key", config.get("KmsKeyId"), key)
        variants = {variant["VariantName"]: variant for variant in config["ProductionVariants"]}
        find.same(f"{name}: variants", sorted(variants), sorted(said["variants"]))
        for variant, wanted in said["variants"].items():
            found = variants[variant]
            where = f"{name}.{variant}"
            find.same(f"{where}: instance", found["InstanceType"], wanted["instance"])
            find.same(f"{where}: count", found["InitialInstanceCount"], wanted["count"])
            find.same(f"{where}: weight", found["InitialVariantWeight"], wanted["weight"])
            group = now.fixed(wanted["model"].removesuffix(".approved"))
            container = sagemaker.describe_model(ModelName=found["ModelName"])["PrimaryContainer"]
            newest = sagemaker.list_model_packages(ModelPackageGroupName=group, ModelApprovalStatus="Approved",
                                                   SortBy="CreationTime", SortOrder="Descending")
            package = newest["ModelPackageSummaryList"][0]["ModelPackageArn"]
            find.same(f"{where}: model", container.get("ModelPackageName"), package)
        capture = said["data_capture"]
        found = config["DataCaptureConfig"]
        find.true(f"{name}: capture", found["EnableCapture"], found)
        percent = int(capture["sampling"].removesuffix("%"))
        find.same(f"{name}: sampling", found["InitialSamplingPercentage"], percent)
        bucket = now.outputs["platform"][f"{pascal(capture['to'])}BucketName"]
        find.same(f"{name}: capture goes to", found["DestinationS3Uri"].split("/")[2], bucket)
        find.same(f"{name}: capture key", found["KmsKeyId"], key)
        modes = sorted(option["CaptureMode"] for option in found["CaptureOptions"])
        find.same(f"{name}: capture modes", modes, ["Input", "Output"])
        check_rollout(now, find, name, said["rollout"], endpoint)


def check_rollout(now: Deployed, find: Findings, name: str, said: dict, endpoint: dict) -> None:
    deployment = endpoint["LastDeploymentConfig"]
    routing = deployment["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]
    size = {"Type": "CAPACITY_PERCENT", "Value": int(said["canary"].removesuffix("%"))}
    wanted = {"Type": "CANARY", "CanarySize": size, "WaitIntervalInSeconds": round(seconds(said["wait"]))}
    find.same(f"{name}: rollout", routing, wanted)
    alarms = [alarm["AlarmName"] for alarm in deployment["AutoRollbackConfiguration"]["Alarms"]]
    wanted = [now.only("serving", "AWS::CloudWatch::Alarm", f"{pascal(alarm)}Alarm") for alarm in said["rollback_on"]]
    find.same(f"{name}: rollback", alarms, wanted)


def check_scaling(now: Deployed, find: Findings) -> None:
    scaling = service("application-autoscaling")
    for name, said in now.said["scaling"].items():
        endpoint, variant = said["target"].split(".")
        resource = f"endpoint/{now.fixed(endpoint)}/variant/{variant}"
        target, = scaling.describe_scalable_targets(
            ServiceNamespace="sagemaker", ResourceIds=[resource])["ScalableTargets"]
        find.same(f"{name}: bounds", (target["MinCapacity"], target["MaxCapacity"]), (said["min"], said["max"]))
        policy, = scaling.describe_scaling_policies(
            ServiceNamespace="sagemaker", ResourceId=resource)["ScalingPolicies"]
        find.same(f"{name}: policy", policy["PolicyType"], "TargetTrackingScaling")
        track = policy["TargetTrackingScalingPolicyConfiguration"]
        metric = track["PredefinedMetricSpecification"]["PredefinedMetricType"]
        find.same(f"{name}: metric", metric, "SageMakerVariantInvocationsPerInstance")
        find.same(f"{name}: target", track["TargetValue"], said["track"]["invocations_per_instance"])
        for side, member in (("scale_out_cooldown", "ScaleOutCooldown"), ("scale_in_cooldown", "ScaleInCooldown")):
            find.same(f"{name}: {side}", track[member], seconds(said["track"][side]))


def check_alarms(now: Deployed, find: Findings) -> None:
    topic = now.outputs["platform"]["AlarmTopicArn"]
    attributes = service("sns").get_topic_attributes(TopicArn=topic)["Attributes"]
    find.same("topic: key", attributes["KmsMasterKeyId"], now.outputs["platform"]["LakeKeyArn"])
    subscribed = service("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    wanted = [("email", address) for address in now.said["alarms"]["notify"]["email"]]
    find.same("topic: subscriptions", [(s["Protocol"], s["Endpoint"]) for s in subscribed], wanted)
    for name, said in now.said["alarms"].items():
        if name == "notify":
            continue
        physical = now.only("serving", "AWS::CloudWatch::Alarm", f"{pascal(name)}Alarm")
        alarm, = service("cloudwatch").describe_alarms(AlarmNames=[physical])["MetricAlarms"]
        endpoint, variant = said["on"].split(".")
        dimensions = {d["Name"]: d["Value"] for d in alarm["Dimensions"]}
        find.same(f"alarm {name}: on", dimensions, {"EndpointName": now.fixed(endpoint), "VariantName": variant})
        find.same(f"alarm {name}: metric", (alarm["Namespace"], alarm["MetricName"]), ("AWS/SageMaker", said["metric"]))
        statistic = alarm.get("ExtendedStatistic") or alarm.get("Statistic")
        find.same(f"alarm {name}: statistic", statistic, said["statistic"])
        above = said["above"]  # `ModelLatency` is in microseconds
        above = round(seconds(above) * 1_000_000) if isinstance(above, str) else above
        find.same(f"alarm {name}: above", alarm["Threshold"], above)
        find.same(f"alarm {name}: comparison", alarm["ComparisonOperator"], "GreaterThanThreshold")
        points, of, period = re.fullmatch(r"(\d+) of (\d+) x (\w+)", said["for"]).groups()
        found = (alarm["DatapointsToAlarm"], alarm["EvaluationPeriods"], alarm["Period"])
        find.same(f"alarm {name}: for", found, (int(points), int(of), seconds(period)))
        find.same(f"alarm {name}: notifies", alarm["AlarmActions"], [topic])


def check_monitoring(now: Deployed, find: Findings) -> None:
    sagemaker = service("sagemaker")
    for name, said in now.said["monitoring"].items():
        schedule = sagemaker.describe_monitoring_schedule(MonitoringScheduleName=now.fixed(name))
        config = schedule["MonitoringScheduleConfig"]
        find.same(f"monitor {name}: kind", config["MonitoringType"], pascal(said["kind"]))
        hourly = {"hourly": "cron(0 * ? * * *)"}
        expression = config["ScheduleConfig"]["ScheduleExpression"]
        find.same(f"monitor {name}: schedule", expression, hourly.get(said["schedule"], said["schedule"]))
        job = sagemaker.describe_data_quality_job_definition(
            JobDefinitionName=config["MonitoringJobDefinitionName"])
        watched = job["DataQualityJobInput"]["EndpointInput"]["EndpointName"]
        find.same(f"monitor {name}: endpoint", watched, now.fixed(said["endpoint"]))
        parameters = {p["ParameterKey"]: p["ParameterValue"] for p in now.stacks["serving"]["Parameters"]}
        package = sagemaker.describe_model_package(ModelPackageName=parameters["ModelPackageArn"])
        drift = package["DriftCheckBaselines"]["ModelDataQuality"]
        baseline = job["DataQualityBaselineConfig"]
        for part in ("Statistics", "Constraints"):
            found = baseline[f"{part}Resource"]["S3Uri"]
            find.same(f"monitor {name}: {part.lower()}", found, drift[part]["S3Uri"])
        if said["alarm_on_violation"]:
            physical = now.only("serving", "AWS::CloudWatch::Alarm", f"{pascal(name)}Violations")
            alarm, = service("cloudwatch").describe_alarms(AlarmNames=[physical])["MetricAlarms"]
            find.same(f"monitor {name}: alarm", alarm["AlarmActions"], [now.outputs["platform"]["AlarmTopicArn"]])


def check_dashboard(now: Deployed, find: Findings) -> None:
    body = service("cloudwatch").get_dashboard(DashboardName=now.name)["DashboardBody"]
    board = json.loads(body)
    find.true("dashboard: widgets", len(board["widgets"]) > 3, len(board["widgets"]))
    for endpoint in now.said["endpoints"]:
        find.true(f"dashboard: {endpoint}", now.fixed(endpoint) in body)
    find.true("dashboard: placeholders", "${" not in body)


def check(path: str, environment: str, pipeline: str) -> int:
    now, find = Deployed(load(path, environment), environment), Findings()
    with open(pipeline) as text:
        rendered = json.dumps(json.load(text), separators=(",", ":"), ensure_ascii=False)
    check_pipeline(now, find, rendered)
    for part in (check_tags, check_lake, check_registry, check_triggers, check_endpoints, check_scaling,
                 check_alarms, check_monitoring, check_dashboard):
        part(now, find)
    print(f"{find.made} comparisons, {len(find.wrong)} differences")
    for line in find.wrong:
        print(f"  {line}")
    return 1 if find.wrong else 0


def damage(prefix: str) -> None:
    """Changes `a.csv` and deletes `new.csv` of a published version."""
    s3 = service("s3")
    bucket = next(b["Name"] for b in s3.list_buckets()["Buckets"] if "rawbucket" in b["Name"])
    body = s3.get_object(Bucket=bucket, Key=f"{prefix}a.csv")["Body"].read()
    s3.put_object(Bucket=bucket, Key=f"{prefix}a.csv", Body=bytes(reversed(body)))
    s3.delete_object(Bucket=bucket, Key=f"{prefix}new.csv")


def absent() -> int:
    stacks = service("cloudformation").describe_stacks()["Stacks"]
    buckets = service("s3").list_buckets()["Buckets"]
    print(f"{len(stacks)} stacks, {len(buckets)} buckets")
    return 1 if stacks or buckets else 0


def change_sets() -> int:
    """Change sets that nobody has executed."""
    cloudformation = service("cloudformation")
    for stack in cloudformation.describe_stacks()["Stacks"]:
        # By name: the local cloud lists none by ARN.
        for summary in cloudformation.list_change_sets(StackName=stack["StackName"])["Summaries"]:
            if summary.get("ExecutionStatus") != "EXECUTE_COMPLETE":
                print(stack["StackName"], summary["ChangeSetName"], summary["Status"])
    return 0


def variants(said: dict, environment: str):
    """Endpoints with their variants, as they are deployed."""
    for name, endpoint in said["endpoints"].items():
        for variant in endpoint["variants"]:
            yield f"{name}-{environment}", variant


def scale(said: dict, environment: str, count: int) -> None:
    for endpoint, variant in variants(said, environment):
        service("sagemaker").update_endpoint_weights_and_capacities(
            EndpointName=endpoint,
            DesiredWeightsAndCapacities=[{"VariantName": variant, "DesiredInstanceCount": count}])


def scaling(said: dict, environment: str) -> None:
    """The first variant: its instance type and count, what is registered, and whether the stack has a mark."""
    sagemaker, registered = service("sagemaker"), service("application-autoscaling")
    endpoint, variant = next(variants(said, environment))
    now = sagemaker.describe_endpoint(EndpointName=endpoint)
    config = sagemaker.describe_endpoint_config(EndpointConfigName=now["EndpointConfigName"])
    resource = f"endpoint/{endpoint}/variant/{variant}"
    targets = registered.describe_scalable_targets(ServiceNamespace="sagemaker", ResourceIds=[resource])
    policies = registered.describe_scaling_policies(ServiceNamespace="sagemaker", ResourceId=resource)
    template = service("cloudformation").get_template(StackName=f"{said['name']}-{environment}-serving")
    print(json.dumps({
        "instance": next(v["InstanceType"] for v in config["ProductionVariants"] if v["VariantName"] == variant),
        "count": next(v["DesiredInstanceCount"] for v in now["ProductionVariants"] if v["VariantName"] == variant),
        "targets": len(targets["ScalableTargets"]),
        "policies": len(policies["ScalingPolicies"]),
        "marked": "Metadata" in template["TemplateBody"],
    }))


def main(arguments: list[str]) -> int:
    match arguments:
        case ["register", path, environment]:
            print(register(load(path, environment), environment))
            return 0
        case ["check", path, environment, pipeline]:
            return check(path, environment, pipeline)
        case ["status", stack]:
            print(Deployed.describe(stack)["StackStatus"])
            return 0
        case ["scale", path, environment, count]:
            scale(load(path, environment), environment, int(count))
            return 0
        case ["scaling", path, environment]:
            scaling(load(path, environment), environment)
            return 0
        case ["suspend", stack, bucket]:
            resource = service("cloudformation").describe_stack_resource(StackName=stack, LogicalResourceId=bucket)
            service("s3").put_bucket_versioning(
                Bucket=resource["StackResourceDetail"]["PhysicalResourceId"],
                VersioningConfiguration={"Status": "Suspended"},
            )
            return 0
        case ["absent"]:
            return absent()
        case ["damage", version]:
            damage(f"raw-data/versions/{version}/")
            return 0
        case ["delete-bucket", name]:
            service("s3").delete_bucket_policy(Bucket=name)
            service("s3").delete_bucket(Bucket=name)
            return 0
        case ["stack", name]:
            cloudformation = service("cloudformation")
            told = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
            policy = cloudformation.get_stack_policy(StackName=name).get("StackPolicyBody", "null")
            print(json.dumps({"protected": told["EnableTerminationProtection"], "policy": json.loads(policy)}))
            return 0
        case ["change-sets"]:
            return change_sets()
        case _:
            print(__doc__)
            return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
