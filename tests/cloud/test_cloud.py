"""Deploys every resource type to the local cloud and reads it back through the services.

    PYTHON tests/cloud/test_cloud.py       # PYTHON: one with src/local/requirements.txt installed

Two accounts and two regions on one server; a change set that updates, faults, deletion, reset.
"""

import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

HERE = pathlib.Path(__file__).resolve().parent
GLUE = HERE.parents[1] / "src" / "local"
TEMPLATE = (HERE / "stack.template.yaml").read_text()
DEFINITION = json.dumps(
    {
        "Version": "2020-12-01",
        "Steps": [
            {
                "Name": "Check",
                "Type": "Condition",
                "Arguments": {
                    "Conditions": [],
                    "IfSteps": [{"Name": "Stop", "Type": "Fail", "Arguments": {"ErrorMessage": "no"}}],
                    "ElseSteps": [],
                },
            }
        ],
    }
)
FIRST, SECOND = "123456789012", "444455556666"


class Server:
    """One local cloud, in a directory of its own."""

    def __init__(self):
        self.directory = tempfile.TemporaryDirectory()
        self.state = pathlib.Path(self.directory.name) / "state"
        self.state.mkdir()
        self.log = open(pathlib.Path(self.directory.name) / "log", "w+")
        self.process = subprocess.Popen(
            [sys.executable, "-B", str(GLUE / "cloud.py"), str(self.state)],
            stdout=self.log,
            stderr=self.log,
            env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "SMSTACK_LOCAL_TOKEN": "secret"},
        )
        deadline = time.monotonic() + 60
        while not (self.state / "ready.json").exists() or not self.health():
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise RuntimeError(self.tail())
            time.sleep(0.1)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{json.loads((self.state / 'ready.json').read_text())['port']}"

    def health(self):
        try:
            with urllib.request.urlopen(self.url + "/_smstack/health", timeout=5) as told:
                return json.load(told)
        except OSError:
            return None

    def reset(self):
        request = urllib.request.Request(self.url + "/_smstack/reset", method="POST")
        with urllib.request.urlopen(request, timeout=30) as told:
            return json.load(told)

    def tail(self) -> str:
        self.log.flush()
        return pathlib.Path(self.log.name).read_text()[-4000:]

    def stop(self) -> float:
        """Seconds that SIGTERM took."""
        at = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)
        self.log.close()
        return time.monotonic() - at


class Caller:
    """An account in a region."""

    def __init__(self, server: Server, account: str, region: str):
        self.server, self.account, self.region = server, account, region
        self.clients = {}

    def __getattr__(self, service: str):
        name = {"autoscaling": "application-autoscaling"}.get(service, service)
        if name not in self.clients:
            self.clients[name] = boto3.client(
                name,
                region_name=self.region,
                endpoint_url=self.server.url,
                aws_access_key_id=self.account,
                aws_secret_access_key="x",
                config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
            )
        return self.clients[name]

    def change(self, stack: str, body: str, kind: str, parameters: dict, execute: bool = True) -> dict:
        """Create, wait for and execute a change set; the change set as described."""
        name = f"c{time.monotonic_ns()}"
        self.cloudformation.create_change_set(
            StackName=stack,
            ChangeSetName=name,
            ChangeSetType=kind,
            TemplateBody=body,
            Capabilities=["CAPABILITY_NAMED_IAM"],
            Tags=[{"Key": "stack", "Value": stack}],
            Parameters=[
                {"ParameterKey": key, "ParameterValue": str(value)} for key, value in parameters.items()
            ],
        )
        told = wait(
            lambda: self.cloudformation.describe_change_set(StackName=stack, ChangeSetName=name),
            lambda told: not told["Status"].endswith(("PENDING", "IN_PROGRESS")),
        )
        if execute and told["Status"] == "CREATE_COMPLETE":
            self.cloudformation.execute_change_set(StackName=stack, ChangeSetName=name)
        return told

    def settled(self, stack: str) -> dict:
        """The stack once nothing is in progress."""
        return wait(
            lambda: self.cloudformation.describe_stacks(StackName=stack)["Stacks"][0],
            lambda told: not told["StackStatus"].endswith("IN_PROGRESS"),
        )

    def failures(self, stack: str) -> list[str]:
        events = self.cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
        return [
            f"{e['LogicalResourceId']}: {e.get('ResourceStatusReason')}"
            for e in events
            if e["ResourceStatus"].endswith("FAILED")
        ]


def wait(ask, done, seconds: float = 60):
    deadline = time.monotonic() + seconds
    while True:
        told = ask()
        if done(told):
            return told
        if time.monotonic() > deadline:
            raise TimeoutError(str(told))
        time.sleep(0.05)


def package_of(caller: Caller, group: str, status: str = "Approved") -> str:
    image = {"Image": "763104351884.dkr.ecr.us-east-1.amazonaws.com/x:1", "ModelDataUrl": "s3://b/m.tar.gz"}
    metrics = {"Statistics": {"ContentType": "application/json", "S3Uri": "s3://b/s.json"}}
    return caller.sagemaker.create_model_package(
        ModelPackageGroupName=group,
        ModelApprovalStatus=status,
        InferenceSpecification={
            "Containers": [image],
            "SupportedContentTypes": ["application/json"],
            "SupportedResponseMIMETypes": ["application/json"],
            "SupportedRealtimeInferenceInstanceTypes": ["ml.c7i.xlarge"],
        },
        ModelMetrics={"ModelQuality": metrics},
        DriftCheckBaselines={"ModelDataQuality": metrics},
        CustomerMetadataProperties={"git": "abc"},
    )["ModelPackageArn"]


class LocalCloud(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.server = Server()

    @classmethod
    def tearDownClass(cls):
        seconds = cls.server.stop()
        assert seconds < 3, f"SIGTERM took {seconds:.1f} s"
        cls.server.directory.cleanup()

    def deploy(self, account: str, region: str) -> tuple[Caller, dict, dict]:
        caller = Caller(self.server, account, region)
        bucket = f"definitions-{account}-{region}"
        where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        caller.s3.create_bucket(Bucket=bucket, **where)
        caller.s3.put_object(Bucket=bucket, Key="pipeline.json", Body=DEFINITION)
        caller.sagemaker.create_model_package_group(ModelPackageGroupName="all-dev")
        package = package_of(caller, "all-dev")
        parameters = {"DefinitionBucket": bucket, "DefinitionKey": "pipeline.json", "PackageArn": package}
        told = caller.change("all", TEMPLATE, "CREATE", parameters)
        self.assertEqual(told["Status"], "CREATE_COMPLETE", told.get("StatusReason"))
        stack = caller.settled("all")
        self.assertEqual(stack["StackStatus"], "CREATE_COMPLETE", caller.failures("all"))
        return caller, parameters, {out["OutputKey"]: out["OutputValue"] for out in stack["Outputs"]}

    def test_life(self):
        caller, parameters, out = self.deploy(FIRST, "us-east-1")
        self.read_back(caller, parameters, out)
        self.update(caller, parameters, out)
        self.delete(caller)

    def test_elsewhere(self):
        for account, region in ((FIRST, "eu-west-1"), (SECOND, "eu-west-1")):
            with self.subTest(account=account, region=region):
                caller, parameters, out = self.deploy(account, region)
                self.read_back(caller, parameters, out)
                others = Caller(self.server, account, "us-west-2")
                self.assertEqual(others.sagemaker.list_endpoints()["Endpoints"], [])
                self.assertEqual(
                    others.autoscaling.describe_scalable_targets(ServiceNamespace="sagemaker")[
                        "ScalableTargets"
                    ],
                    [],
                )

    def read_back(self, caller: Caller, parameters: dict, out: dict):
        for part in (
            self.functions,
            self.storage,
            self.identity,
            self.messages,
            self.watching,
            self.serving,
            self.monitoring,
            self.pipelines,
        ):
            with self.subTest(part=part.__name__):
                part(caller, parameters, out)

    def functions(self, caller, _parameters, out):
        account = {"us-east-1": "763104351884", "eu-west-1": "763104351885"}[caller.region]
        self.assertEqual(out["Image"], f"{account}.dkr.ecr.{caller.region}.amazonaws.com")
        self.assertEqual(out["Retention"], "30")
        self.assertNotIn("Prod", out)
        self.assertEqual(
            out["GroupArn"],
            f"arn:aws:sagemaker:{caller.region}:{caller.account}:model-package-group/all-dev-stack",
        )
        exports = {e["Name"]: e["Value"] for e in caller.cloudformation.list_exports()["Exports"]}
        self.assertEqual(exports["all-lake"], out["Lake"])

    def storage(self, caller, _parameters, out):
        s3, lake = caller.s3, out["Lake"]
        rules = s3.get_bucket_encryption(Bucket=lake)["ServerSideEncryptionConfiguration"]["Rules"]
        self.assertEqual(
            rules[0]["ApplyServerSideEncryptionByDefault"],
            {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": out["Key"]},
        )
        self.assertTrue(rules[0]["BucketKeyEnabled"])
        self.assertEqual(s3.get_bucket_versioning(Bucket=lake)["Status"], "Enabled")
        lifecycle = {r["ID"]: r for r in s3.get_bucket_lifecycle_configuration(Bucket=lake)["Rules"]}
        self.assertEqual(lifecycle["noncurrent"]["NoncurrentVersionExpiration"], {"NoncurrentDays": 30})
        self.assertEqual(
            lifecycle["noncurrent"]["AbortIncompleteMultipartUpload"], {"DaysAfterInitiation": 7}
        )
        self.assertEqual(lifecycle["raw"]["Filter"], {"Prefix": "raw/"})
        self.assertEqual(lifecycle["raw"]["Expiration"], {"Days": 365})
        self.assertEqual(lifecycle["raw"]["Transitions"], [{"Days": 30, "StorageClass": "STANDARD_IA"}])
        self.assertIn("TlsOnly", s3.get_bucket_policy(Bucket=lake)["Policy"])
        self.assertTrue(
            all(s3.get_public_access_block(Bucket=lake)["PublicAccessBlockConfiguration"].values())
        )
        self.assertIn("EventBridgeConfiguration", s3.get_bucket_notification_configuration(Bucket=lake))
        logging = s3.get_bucket_logging(Bucket=lake)["LoggingEnabled"]
        self.assertEqual(
            (logging["TargetBucket"], logging["TargetPrefix"]),
            (f"all-dev-logs-{caller.account}-{caller.region}", "lake/"),
        )
        owner = s3.get_bucket_ownership_controls(Bucket=lake)["OwnershipControls"]["Rules"]
        self.assertEqual(owner, [{"ObjectOwnership": "BucketOwnerEnforced"}])
        tags = {t["Key"]: t["Value"] for t in s3.get_bucket_tagging(Bucket=lake)["TagSet"]}
        self.assertEqual((tags["team"], tags["stack"]), ("ml", "all"))
        key = caller.kms.describe_key(KeyId="alias/all-dev")["KeyMetadata"]
        self.assertEqual((key["Arn"], key["Description"]), (out["Key"], "all-dev data"))
        self.assertTrue(caller.kms.get_key_rotation_status(KeyId=key["KeyId"])["KeyRotationEnabled"])
        policy = json.loads(caller.kms.get_key_policy(KeyId=key["KeyId"], PolicyName="default")["Policy"])
        self.assertEqual(policy["Statement"][0]["Principal"], {"AWS": f"arn:aws:iam::{caller.account}:root"})

    def identity(self, caller, _parameters, out):
        name = f"all-dev-{caller.region}"
        role = caller.iam.get_role(RoleName=name)["Role"]
        self.assertEqual(role["Arn"], out["RoleArn"])
        managed = f"arn:aws:iam::{caller.account}:policy/all-dev-managed-{caller.region}"
        self.assertEqual(role["PermissionsBoundary"]["PermissionsBoundaryArn"], managed)
        attached = caller.iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
        self.assertEqual([p["PolicyArn"] for p in attached], [managed])
        self.assertEqual(
            sorted(caller.iam.list_role_policies(RoleName=name)["PolicyNames"]), ["data", "more"]
        )
        document = caller.iam.get_role_policy(RoleName=name, PolicyName="data")["PolicyDocument"]
        self.assertEqual(document["Statement"][0]["Resource"], f"arn:aws:s3:::{out['Lake']}/*")

    def messages(self, caller, _parameters, out):
        topic = f"arn:aws:sns:{caller.region}:{caller.account}:all-dev"
        attributes = caller.sns.get_topic_attributes(TopicArn=topic)["Attributes"]
        self.assertEqual(attributes["KmsMasterKeyId"], out["Key"].rsplit("/", 1)[-1])
        self.assertIn("cloudwatch.amazonaws.com", attributes["Policy"])
        subscriptions = caller.sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
        self.assertEqual([s["Endpoint"] for s in subscriptions], ["ml-oncall@example.com"])
        queue = caller.sqs.get_queue_url(QueueName="all-dev")["QueueUrl"]
        attributes = caller.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
        self.assertEqual(attributes["MessageRetentionPeriod"], "1209600")
        self.assertIn("events.amazonaws.com", attributes["Policy"])
        rule = caller.events.describe_rule(Name="all-dev-approved")
        self.assertEqual(json.loads(rule["EventPattern"])["detail"]["ModelApprovalStatus"], ["Approved"])
        targets = {t["Id"]: t for t in caller.events.list_targets_by_rule(Rule="all-dev-approved")["Targets"]}
        self.assertEqual(set(targets), {"queue", "machine"})
        self.assertEqual(targets["machine"]["RoleArn"], out["RoleArn"])
        self.assertEqual(caller.events.describe_event_bus(Name="all-dev")["Name"], "all-dev")
        schedule = caller.scheduler.get_schedule(Name="all-dev-weekly", GroupName="all-dev")
        self.assertEqual(schedule["ScheduleExpressionTimezone"], "Europe/Berlin")
        self.assertEqual(schedule["KmsKeyArn"], out["Key"])
        self.assertEqual(schedule["FlexibleTimeWindow"], {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 15})
        self.assertTrue(schedule["Target"]["Arn"].endswith(":pipeline/all-dev-inline"))
        self.assertEqual(schedule["Target"]["RetryPolicy"], {"MaximumRetryAttempts": 3})
        machine = caller.stepfunctions.describe_state_machine(
            stateMachineArn=f"arn:aws:states:{caller.region}:{caller.account}:stateMachine:all-dev"
        )
        self.assertEqual(json.loads(machine["definition"])["States"]["Done"]["Result"], "dev")
        self.assertEqual(machine["loggingConfiguration"]["level"], "ERROR")
        self.assertEqual(machine["tracingConfiguration"], {"enabled": True})
        self.approve(caller, queue, machine["stateMachineArn"])
        self.assertEqual(caller.ssm.get_parameter(Name="/all/dev/endpoint")["Parameter"]["Value"], "all-dev")
        function = caller.__getattr__("lambda").get_function(FunctionName="all-dev")["Configuration"]
        self.assertEqual(function["Environment"]["Variables"], {"ENV": "dev"})

    def approve(self, caller, queue, machine):
        """An approval sends its event, and the stack's rule hands it to queue and state machine."""
        sagemaker = caller.sagemaker
        first, second = (package_of(caller, "all-dev", "PendingManualApproval") for _ in range(2))
        sagemaker.update_model_package(
            ModelPackageArn=first, ModelApprovalStatus="Approved", ApprovalDescription="good"
        )
        asked = {"ModelPackageGroupName": "all-dev", "SortBy": "CreationTime"}
        approved = sagemaker.list_model_packages(
            ModelApprovalStatus="Approved", SortOrder="Descending", **asked
        )["ModelPackageSummaryList"]
        self.assertEqual((approved[0]["ModelPackageArn"], len(approved)), (first, 2))
        pending = sagemaker.list_model_packages(ModelApprovalStatus="PendingManualApproval", **asked)
        self.assertEqual([p["ModelPackageArn"] for p in pending["ModelPackageSummaryList"]], [second])
        told = sagemaker.describe_model_package(ModelPackageName=first)
        self.assertEqual(told["ApprovalDescription"], "good")
        self.assertIn("ModelDataQuality", told["DriftCheckBaselines"])
        self.assertIn("ModelQuality", told["ModelMetrics"])
        pages = list(
            sagemaker.get_paginator("list_model_packages").paginate(**asked, PaginationConfig={"PageSize": 2})
        )
        self.assertEqual([len(page["ModelPackageSummaryList"]) for page in pages], [2, 1])
        arrived = []

        def received():
            got = caller.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
            arrived.extend(json.loads(message["Body"]) for message in got)
            return arrived

        wait(received, bool, 10)
        self.assertEqual(arrived[0]["detail"]["ModelPackageArn"], first)
        runs = wait(
            lambda: caller.stepfunctions.list_executions(stateMachineArn=machine)["executions"],
            lambda runs: runs and runs[0]["status"] != "RUNNING",
            10,
        )
        told = caller.stepfunctions.describe_execution(executionArn=runs[0]["executionArn"])
        self.assertEqual((told["status"], json.loads(told["input"])), ("SUCCEEDED", {"package": first}))

    def watching(self, caller, _parameters, out):
        topic = f"arn:aws:sns:{caller.region}:{caller.account}:all-dev"
        alarms = {
            a["AlarmName"]: a
            for a in caller.cloudwatch.describe_alarms(AlarmTypes=["MetricAlarm", "CompositeAlarm"])[
                "MetricAlarms"
            ]
        }
        errors = alarms["all-dev-errors"]
        self.assertEqual(
            (errors["DatapointsToAlarm"], errors["Threshold"], errors["TreatMissingData"]),
            (3, 5.0, "notBreaching"),
        )
        self.assertEqual(errors["AlarmActions"], [topic])
        self.assertEqual(alarms[out["Latency"]]["ExtendedStatistic"], "p99")
        self.assertNotIn("Statistic", alarms[out["Latency"]])
        rate = alarms["all-dev-rate"]
        self.assertEqual([m["Id"] for m in rate["Metrics"]], ["rate", "errors", "calls"])
        self.assertNotIn("MetricName", rate)
        composite = caller.cloudwatch.describe_alarms(AlarmTypes=["CompositeAlarm"])["CompositeAlarms"]
        self.assertEqual(
            [c["AlarmRule"] for c in composite], [f'ALARM("all-dev-errors") OR ALARM("{out["Latency"]}")']
        )
        board = json.loads(caller.cloudwatch.get_dashboard(DashboardName="all-dev")["DashboardBody"])
        self.assertEqual(board["widgets"][0]["properties"]["markdown"], caller.region)
        groups = caller.logs.describe_log_groups(logGroupNamePrefix="/aws/sagemaker/Endpoints/all-dev")[
            "logGroups"
        ]
        self.assertEqual((groups[0]["retentionInDays"], groups[0]["kmsKeyId"]), (30, out["Key"]))

    def serving(self, caller, parameters, out):
        sagemaker = caller.sagemaker
        endpoint = sagemaker.describe_endpoint(EndpointName="all-dev")
        self.assertEqual(endpoint["EndpointStatus"], "InService")
        self.assertEqual(endpoint["EndpointConfigName"], out["Config"])
        self.assertEqual(
            endpoint["LastDeploymentConfig"]["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"],
            {
                "Type": "CANARY",
                "WaitIntervalInSeconds": 600,
                "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 10},
            },
        )
        self.assertEqual(endpoint["DataCaptureConfig"]["CaptureStatus"], "Started")
        config = sagemaker.describe_endpoint_config(EndpointConfigName=out["Config"])
        variant = config["ProductionVariants"][0]
        self.assertEqual((variant["InitialInstanceCount"], variant["InstanceType"]), (1, "ml.c5.xlarge"))
        self.assertEqual(config["DataCaptureConfig"]["DestinationS3Uri"], f"s3://{out['Lake']}/capture")
        self.assertEqual(config["DataCaptureConfig"]["InitialSamplingPercentage"], 100)
        model = sagemaker.describe_model(ModelName=variant["ModelName"])
        self.assertEqual(model["PrimaryContainer"], {"ModelPackageName": parameters["PackageArn"]})
        self.assertTrue(model["EnableNetworkIsolation"])
        self.assertEqual(len(sagemaker.list_models()["Models"]), 2)
        component = sagemaker.describe_inference_component(InferenceComponentName="all-dev")
        self.assertEqual(
            (component["VariantName"], component["RuntimeConfig"]["DesiredCopyCount"]), ("main", 2)
        )
        group = sagemaker.describe_model_package_group(ModelPackageGroupName="all-dev-stack")
        self.assertEqual(group["ModelPackageGroupDescription"], "registered models")
        policy = sagemaker.get_model_package_group_policy(ModelPackageGroupName="all-dev-stack")[
            "ResourcePolicy"
        ]
        self.assertEqual(json.loads(policy)["Statement"][0]["Sid"], "Read")
        for arn in (endpoint["EndpointArn"], group["ModelPackageGroupArn"]):
            tags = {t["Key"]: t["Value"] for t in sagemaker.list_tags(ResourceArn=arn)["Tags"]}
            self.assertEqual((tags["team"], tags["stack"]), ("ml", "all"))
        targets = caller.autoscaling.describe_scalable_targets(ServiceNamespace="sagemaker")[
            "ScalableTargets"
        ]
        self.assertEqual(
            [(t["ResourceId"], t["MinCapacity"], t["MaxCapacity"]) for t in targets],
            [("endpoint/all-dev/variant/main", 1, 4)],
        )
        policies = caller.autoscaling.describe_scaling_policies(ServiceNamespace="sagemaker")[
            "ScalingPolicies"
        ]
        tracking = policies[0]["TargetTrackingScalingPolicyConfiguration"]
        self.assertEqual((tracking["TargetValue"], tracking["ScaleOutCooldown"]), (70.0, 60))

    def monitoring(self, caller, _parameters, out):
        sagemaker = caller.sagemaker
        for family in ("data_quality", "model_quality", "model_bias", "model_explainability"):
            listed = getattr(sagemaker, f"list_{family}_job_definitions")(EndpointName="all-dev")
            name = listed["JobDefinitionSummaries"][0]["MonitoringJobDefinitionName"]
            told = getattr(sagemaker, f"describe_{family}_job_definition")(JobDefinitionName=name)
            self.assertEqual(told["JobResources"]["ClusterConfig"]["InstanceType"], "ml.m5.xlarge")
            self.assertEqual(told["RoleArn"], out["RoleArn"])
        schedule = sagemaker.describe_monitoring_schedule(MonitoringScheduleName="all-dev")
        self.assertEqual(schedule["MonitoringScheduleStatus"], "Scheduled")
        self.assertEqual(schedule["EndpointName"], "all-dev")
        self.assertEqual(
            schedule["MonitoringScheduleConfig"]["ScheduleConfig"]["ScheduleExpression"], "cron(0 * ? * * *)"
        )

    def pipelines(self, caller, _parameters, out):
        sagemaker = caller.sagemaker
        inline = sagemaker.describe_pipeline(PipelineName="all-dev-inline")
        definition = json.loads(inline["PipelineDefinition"])
        self.assertEqual(definition["Steps"][0]["Arguments"]["ErrorMessage"], out["RoleArn"])
        self.assertEqual(inline["ParallelismConfiguration"], {"MaxParallelExecutionSteps": 5})
        tags = {t["Key"]: t["Value"] for t in sagemaker.list_tags(ResourceArn=inline["PipelineArn"])["Tags"]}
        self.assertEqual(tags["team"], "ml")
        stored = sagemaker.describe_pipeline(PipelineName="all-dev-stored")
        self.assertEqual(json.loads(stored["PipelineDefinition"]), json.loads(DEFINITION))
        run = sagemaker.start_pipeline_execution(
            PipelineName="all-dev-inline",
            ClientRequestToken="t" * 32,
            PipelineParameters=[{"Name": "InputUri", "Value": "s3://b/x"}],
        )["PipelineExecutionArn"]
        self.assertEqual(
            sagemaker.describe_pipeline_execution(PipelineExecutionArn=run)["PipelineExecutionStatus"],
            "Succeeded",
        )
        steps = sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=run)["PipelineExecutionSteps"]
        self.assertEqual([s["StepName"] for s in steps], ["Gate"])
        with self.assertRaisesRegex(ClientError, "unique"):
            step = {"Name": "A", "Type": "Fail", "Arguments": {}}
            sagemaker.create_pipeline(
                PipelineName="bad",
                RoleArn=out["RoleArn"],
                ClientRequestToken="t" * 32,
                PipelineDefinition=json.dumps({"Version": "2020-12-01", "Steps": [step, step]}),
            )

    def update(self, caller: Caller, parameters: dict, out: dict):
        sagemaker = caller.sagemaker
        unchanged = caller.change("all", TEMPLATE, "UPDATE", parameters)
        self.assertEqual(unchanged["Status"], "FAILED", unchanged)
        sagemaker.update_endpoint_weights_and_capacities(
            EndpointName="all-dev",
            DesiredWeightsAndCapacities=[{"VariantName": "main", "DesiredInstanceCount": 3}],
        )
        body = TEMPLATE.replace("team, Value: ml}", "team, Value: ai}").replace(
            "NoncurrentDays: !If [IsProd, 90, 30]", "NoncurrentDays: 60"
        )
        body = body.replace("Europe/Berlin", "Europe/Paris").replace(
            "      LoggingConfiguration: {DestinationBucketName: !Ref Logs, LogFilePrefix: lake/}\n", ""
        )
        told = caller.change("all", body, "UPDATE", {**parameters, "Count": 2, "Max": 8})
        changes = {c["ResourceChange"]["LogicalResourceId"]: c["ResourceChange"] for c in told["Changes"]}
        self.assertEqual(changes["EndpointConfig"]["Replacement"], "True")
        self.assertEqual(changes["Endpoint"]["Replacement"], "False")
        self.assertEqual(changes["Target"]["Replacement"], "Conditional")  # by the endpoint that it refers to
        self.assertEqual(caller.settled("all")["StackStatus"], "UPDATE_COMPLETE", caller.failures("all"))
        endpoint = sagemaker.describe_endpoint(EndpointName="all-dev")
        self.assertNotEqual(endpoint["EndpointConfigName"], out["Config"])
        self.assertEqual(endpoint["ProductionVariants"][0]["DesiredInstanceCount"], 3)  # retained
        config = sagemaker.describe_endpoint_config(EndpointConfigName=endpoint["EndpointConfigName"])
        self.assertEqual(config["ProductionVariants"][0]["InitialInstanceCount"], 2)
        self.assertEqual(len(sagemaker.list_endpoint_configs()["EndpointConfigs"]), 1)
        tags = {
            t["Key"]: t["Value"] for t in sagemaker.list_tags(ResourceArn=endpoint["EndpointArn"])["Tags"]
        }
        self.assertEqual(tags["team"], "ai")
        targets = caller.autoscaling.describe_scalable_targets(ServiceNamespace="sagemaker")[
            "ScalableTargets"
        ]
        self.assertEqual(targets[0]["MaxCapacity"], 8)
        lifecycle = caller.s3.get_bucket_lifecycle_configuration(Bucket=out["Lake"])["Rules"]
        self.assertEqual(lifecycle[0]["NoncurrentVersionExpiration"], {"NoncurrentDays": 60})
        self.assertNotIn("LoggingEnabled", caller.s3.get_bucket_logging(Bucket=out["Lake"]))
        schedule = caller.scheduler.get_schedule(Name="all-dev-weekly", GroupName="all-dev")
        self.assertEqual(schedule["ScheduleExpressionTimezone"], "Europe/Paris")

    def delete(self, caller: Caller):
        caller.cloudformation.delete_stack(StackName="all")
        wait(
            lambda: caller.cloudformation.list_stacks(StackStatusFilter=["DELETE_COMPLETE", "DELETE_FAILED"]),
            lambda told: told["StackSummaries"],
            60,
        )
        self.assertEqual(caller.sagemaker.list_endpoints()["Endpoints"], [])
        self.assertEqual(caller.sagemaker.list_monitoring_schedules()["MonitoringScheduleSummaries"], [])
        self.assertEqual(
            caller.cloudwatch.describe_alarms(AlarmTypes=["CompositeAlarm"])["CompositeAlarms"], []
        )
        self.assertEqual(
            caller.autoscaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"], []
        )

    def test_refusals(self):
        caller = Caller(self.server, "777788889999", "us-east-1")
        with self.assertRaisesRegex(ClientError, "Unrecognized resource types"):
            caller.change("unknown", '{"Resources": {"A": {"Type": "AWS::SageMaker::NoSuch"}}}', "CREATE", {})
        for name, resource, why in (
            (
                "unsupported",
                {"Type": "AWS::SNS::Topic", "Properties": {"Colour": "red"}},
                "unsupported property Colour",
            ),
            ("required", {"Type": "AWS::SageMaker::Endpoint", "Properties": {}}, "EndpointConfigName"),
            (
                "definition",
                {
                    "Type": "AWS::SageMaker::Pipeline",
                    "Properties": {
                        "PipelineName": "p",
                        "RoleArn": "arn:aws:iam::777788889999:role/r",
                        "PipelineDefinition": {"PipelineDefinitionBody": "{}"},
                    },
                },
                "pipeline definition",
            ),
            (
                "nested",
                {
                    "Type": "AWS::SageMaker::Model",
                    "Properties": {"ModelName": "m", "PrimaryContainer": {"Imagge": "x"}},
                },
                "Imagge",
            ),
        ):
            with self.subTest(name):
                caller.change(name, json.dumps({"Resources": {"A": resource}}), "CREATE", {})
                self.assertIn(caller.settled(name)["StackStatus"], ("ROLLBACK_COMPLETE", "CREATE_FAILED"))
                self.assertIn(why, " ".join(caller.failures(name)))

    def test_bucket_that_holds_something_stays(self):
        caller = Caller(self.server, "777788889999", "us-east-1")
        caller.change(
            "full",
            '{"Resources": {"B": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "full-of"}}}}',
            "CREATE",
            {},
        )
        caller.settled("full")
        caller.s3.put_object(Bucket="full-of", Key="k", Body=b"v")
        caller.cloudformation.delete_stack(StackName="full")
        self.assertEqual(caller.settled("full")["StackStatus"], "DELETE_FAILED")
        self.assertIn("not empty", " ".join(caller.failures("full")))

    def test_an_approval_rolls_out_and_new_data_starts_the_pipeline(self):
        caller = Caller(self.server, "666677778888", "us-east-1")
        role = "arn:aws:iam::666677778888:role/role-name"
        topic = {
            "Type": "AWS::SNS::Topic",
            "Properties": {"TopicName": "t", "DisplayName": {"Ref": "Package"}},
        }
        body = json.dumps({"Parameters": {"Package": {"Type": "String"}}, "Resources": {"T": topic}})
        caller.change("serving", body, "CREATE", {"Package": "none"})
        caller.settled("serving")
        states = {
            "Describe": {
                "Type": "Task",
                "Resource": "arn:aws:states:::aws-sdk:sagemaker:describeModelPackage",
                "Parameters": {"ModelPackageName.$": "$.resources[0]"},
                "ResultPath": "$.package",
                "Next": "Update",
            },
            "Update": {
                "Type": "Task",
                "Resource": "arn:aws:states:::aws-sdk:cloudformation:updateStack",
                "Parameters": {
                    "StackName": "serving",
                    "UsePreviousTemplate": True,
                    "Parameters": [
                        {"ParameterKey": "Package", "ParameterValue.$": "$.package.ModelPackageArn"}
                    ],
                },
                "ResultPath": "$.update",
                "Next": "Look",
            },
            "Look": {
                "Type": "Task",
                "Resource": "arn:aws:states:::aws-sdk:cloudformation:describeStacks",
                "Parameters": {"StackName": "serving"},
                "End": True,
            },
        }
        machine = caller.stepfunctions.create_state_machine(
            name="rollout",
            roleArn=role,
            definition=json.dumps({"StartAt": "Describe", "States": states}),
        )["stateMachineArn"]
        pattern = {"source": ["aws.sagemaker"], "detail": {"ModelApprovalStatus": ["Approved"]}}
        caller.events.put_rule(Name="approved", EventPattern=json.dumps(pattern))
        caller.events.put_targets(Rule="approved", Targets=[{"Id": "m", "Arn": machine, "RoleArn": role}])
        caller.sagemaker.create_model_package_group(ModelPackageGroupName="g")
        arn = package_of(caller, "g", "Approved")
        runs = wait(
            lambda: caller.stepfunctions.list_executions(stateMachineArn=machine)["executions"],
            lambda runs: runs and runs[0]["status"] != "RUNNING",
            10,
        )
        told = caller.stepfunctions.describe_execution(executionArn=runs[0]["executionArn"])
        self.assertEqual(told["status"], "SUCCEEDED", told)
        self.assertEqual(json.loads(told["output"])["Stacks"][0]["StackName"], "serving")
        self.assertEqual(caller.settled("serving")["StackStatus"], "UPDATE_COMPLETE")
        told = caller.sns.get_topic_attributes(TopicArn="arn:aws:sns:us-east-1:666677778888:t")["Attributes"]
        self.assertEqual(told["DisplayName"], arn)

        pipeline = caller.sagemaker.create_pipeline(
            PipelineName="p", RoleArn=role, ClientRequestToken="t" * 32, PipelineDefinition=DEFINITION
        )["PipelineArn"]
        caller.s3.create_bucket(Bucket="new-data")
        caller.s3.put_bucket_notification_configuration(
            Bucket="new-data", NotificationConfiguration={"EventBridgeConfiguration": {}}
        )
        caller.events.put_rule(
            Name="data", EventPattern='{"source": ["aws.s3"], "detail-type": ["Object Created"]}'
        )
        caller.events.put_targets(
            Rule="data",
            Targets=[
                {
                    "Id": "p",
                    "Arn": pipeline,
                    "RoleArn": role,
                    "SageMakerPipelineParameters": {"PipelineParameterList": [{"Name": "a", "Value": "b"}]},
                }
            ],
        )
        caller.s3.put_object(Bucket="new-data", Key="raw/x.csv", Body=b"1")
        runs = wait(
            lambda: caller.sagemaker.list_pipeline_executions(PipelineName="p")["PipelineExecutionSummaries"],
            bool,
            10,
        )
        given = caller.sagemaker.list_pipeline_parameters_for_execution(
            PipelineExecutionArn=runs[0]["PipelineExecutionArn"]
        )
        self.assertEqual(given["PipelineParameters"], [{"Name": "a", "Value": "b"}])

    def test_faults(self):
        caller = Caller(self.server, "888899990000", "us-east-1")
        faults = self.server.state / "faults.json"
        self.addCleanup(lambda: faults.unlink(missing_ok=True))
        body = '{"Resources": {"T": {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": "a"}}}}'
        faults.write_text(
            json.dumps(
                {
                    "create": {"slow/T": {"delay": 1}},
                    "update": {"slow/T": {"error": "no capacity", "times": 1}},
                }
            )
        )
        caller.change("slow", body, "CREATE", {})
        self.assertEqual(
            caller.cloudformation.describe_stacks(StackName="slow")["Stacks"][0]["StackStatus"],
            "CREATE_IN_PROGRESS",
        )
        self.assertEqual(caller.settled("slow")["StackStatus"], "CREATE_COMPLETE")
        caller.change("slow", body.replace('"a"', '"b"'), "UPDATE", {})
        self.assertEqual(caller.settled("slow")["StackStatus"], "UPDATE_ROLLBACK_COMPLETE")
        self.assertIn("T: no capacity", caller.failures("slow"))

    def test_nothing_is_written_elsewhere(self):
        beside = sorted(path.name for path in pathlib.Path(self.server.directory.name).iterdir())
        self.assertEqual(beside, ["log", "state"])
        self.assertEqual(self.server.health()["token"], "secret")

    def test_zz_reset_empties_both_halves(self):
        caller = Caller(self.server, "111122223333", "us-east-1")
        caller.sagemaker.create_model_package_group(ModelPackageGroupName="g")
        caller.sagemaker.create_pipeline(
            PipelineName="p",
            RoleArn="arn:aws:iam::111122223333:role/role-name",
            ClientRequestToken="t" * 32,
            PipelineDefinition=DEFINITION,
        )
        caller.s3.create_bucket(Bucket="to-be-forgotten")
        self.assertEqual(self.server.reset(), {"reset": "ok"})
        self.assertEqual(caller.sagemaker.list_model_package_groups()["ModelPackageGroupSummaryList"], [])
        self.assertEqual(caller.sagemaker.list_pipelines()["PipelineSummaries"], [])
        self.assertEqual(caller.s3.list_buckets()["Buckets"], [])


if __name__ == "__main__":
    unittest.main()
