"""Kills smstack at every boundary of its requests, runs it again, and compares the end with an undisturbed run.

    python kill.py SMSTACK UPSTREAM_PORT PROJECT_DIR [POINT]…      # default: every point, until there is none left

PROJECT_DIR holds the reference workload. A point is the n-th request of a run: the process is killed (SIGKILL) before
that request gets anywhere (`n.before`), or when it (or one beside it) was carried out and the answer is on its way
(`n.after`). In one account one after the other: a first deployment, one that adds the serving stack, an update, an
update in two steps, the destruction; each killed at that point, run again, and held against the same chain without a
kill. Printed are how many points were tried of each, and how many converged; the exit code is 1 when one did not.
"""

import asyncio
import contextvars
import json
import os
import pathlib
import re
import secrets
import shutil
import sys
import tempfile

import boto3
import botocore.credentials
import botocore.session
import proxy
import workload

SCENARIOS = ("deploy", "serving", "update", "two_steps", "destroy")
FILE = "stacks/deep-learning.yaml"
AT_ONCE = 2
LIMIT = 90  # seconds that one run may take


# Whose clients are used: making them for each account would take longer than everything else.
ACCOUNT: contextvars.ContextVar[str] = contextvars.ContextVar("ACCOUNT")


class OfTheAccount(botocore.credentials.Credentials):
    """Credentials of the account that is asked about."""

    def get_frozen_credentials(self):
        return botocore.credentials.ReadOnlyCredentials(ACCOUNT.get(), "local", None)


def share_clients(port: str) -> None:
    """Lets `workload.service` make its clients for all accounts, before there are threads."""
    os.environ |= {"AWS_ENDPOINT_URL": f"http://{proxy.HOST}:{port}", "AWS_DEFAULT_REGION": "us-east-1"}
    session = botocore.session.get_session()
    session._credentials = OfTheAccount("", "")
    boto3.setup_default_session(botocore_session=session)
    for service in ("cloudformation", "application-autoscaling", *(service for service, *_ in EVERYTHING)):
        workload.service(service)


def edited(text: str, *changes: tuple[str, str]) -> str:
    for old, new in changes:
        assert text.count(old) == 1, f"{text.count(old)} times: {old}"
        text = text.replace(old, new)
    return text


class Account:
    """An account of its own in the local cloud, a copy of the project, and a proxy in between."""

    def __init__(self, smstack: str, upstream: int, project: pathlib.Path, account: str, point: tuple[int, str]):
        self.smstack, self.account, self.point = smstack, account, point
        self.directory = tempfile.TemporaryDirectory()
        self.project = pathlib.Path(self.directory.name) / "project"
        shutil.copytree(project, self.project)
        self.proxy = proxy.Proxy(upstream, hook=self.hook)
        self.names: dict[str, str] = {}
        self.process, self.requests, self.armed, self.killed = None, 0, False, False

    async def hook(self, _request, stage: str) -> bool:
        """Kills at the point; whether the request, or its answer, goes on."""
        if stage == "before":
            self.requests += 1
        nth, kills_at = self.point
        # Of requests side by side several may begin before one is answered.
        due = self.requests == nth if stage == "before" else self.requests >= nth
        if self.armed and stage == kills_at and due:
            self.armed, self.killed = False, True
            self.process.kill()
            await self.process.wait()
            return False
        return True

    async def run(self, command: list[str], kill: bool) -> tuple[int, str]:
        """One run of smstack; its exit code, and what it said."""
        self.requests, self.armed, self.killed = 0, kill, False
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": self.directory.name,
            "AWS_ACCESS_KEY_ID": self.account,
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        url = f"http://{proxy.HOST}:{self.proxy.port}"
        self.process = await asyncio.create_subprocess_exec(
            self.smstack, *command, "--env", "dev", "--yes", "--endpoint-url", url,
            cwd=self.project, env=environment, stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE)
        _, said = await asyncio.wait_for(self.process.communicate(), LIMIT)
        self.armed = False
        return self.process.returncode, said.decode(errors="replace")

    def write(self, *changes: tuple[str, str]) -> None:
        file = self.project / FILE
        file.write_text(edited(file.read_text(), *changes))

    async def ask(self, work, *arguments):
        """A piece of `workload.py` or of this script in the account."""
        ACCOUNT.set(self.account)
        return await asyncio.to_thread(work, *arguments)

    async def snapshot(self) -> dict:
        """Everything in the account, with names that are alike in every account."""
        found = await self.ask(snapshot)
        self.names |= found.pop("names")
        text = json.dumps(found, sort_keys=True, default=str)
        for physical in sorted(self.names, key=len, reverse=True):
            text = text.replace(physical, self.names[physical])
        text = text.replace(self.account, "ACCOUNT")
        text = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UUID", text)
        return json.loads(text)

    def said(self) -> dict:
        return workload.load(str(self.project / FILE), "dev")

    async def prepare(self, scenario: str) -> str:
        """What stands before a scenario; the command of it."""
        if scenario == "serving":
            await self.ask(workload.register, self.said(), "dev")
        if scenario == "update":
            self.write(("max: 10\n", "max: 12\n"), ("above: 500ms", "above: 750ms"),
                       ("expire_noncurrent: 90d", "expire_noncurrent: 30d"))
        if scenario == "two_steps":
            await self.ask(workload.scale, self.said(), "dev", 5)
            self.write(("instance: ml.c5.xlarge, count: 2", "instance: ml.m5.large, count: 2"))
        return "destroy" if scenario == "destroy" else "deploy"


async def chain(account: Account, wanted: dict | None, left: set[str]):
    """Each scenario in turn. Without `wanted` nothing is killed, and the snapshots are the answer; else, by scenario,
    whether it was killed, and what is wrong."""
    file = account.project / FILE
    # Nothing follows an approval here: it is smstack that finds the version.
    rollout = next(line for line in file.read_text().splitlines() if "on_approval: deploy" in line)
    account.write((rollout + "\n", ""), ("{ region: us-east-1 }", f'{{ region: us-east-1, account: "{account.account}" }}'))
    results = {}
    async with await account.proxy.start():
        for scenario in SCENARIOS:
            command = await account.prepare(scenario)
            kill = wanted is not None and scenario in left
            code, said = await account.run([command, "deep-learning"], kill)
            killed = account.killed
            if killed:
                code, said = await account.run([command, "deep-learning"], False)
            now = await account.snapshot()
            if wanted is None:
                assert code == 0, tail(said)
                results[scenario] = now
                continue
            problem = f"exit code {code}: {tail(said)}" if code else difference(wanted[scenario], now)
            if problem or killed:
                results[scenario] = problem
            if problem:
                break
    account.directory.cleanup()
    return results


def tail(said: str) -> str:
    """The end of what smstack said, which is about the deployment."""
    return "\n".join(said.strip().splitlines()[-6:])


def difference(wanted, now, at="") -> str:
    """Where two snapshots differ; nothing where they are the same."""
    if isinstance(wanted, dict) and isinstance(now, dict):
        parts = [difference(wanted.get(key), now.get(key), f"{at}/{key}") for key in sorted({*wanted, *now})]
        return "\n".join(part for part in parts if part)
    return "" if wanted == now else f"{at}: {now!r}, and undisturbed {wanted!r}"


async def main(smstack: str, upstream: str, project: str, points: list[str]) -> int:
    # A cloud that has been used before may be used again.
    series = secrets.randbelow(10**6)

    def account(number: int, point=(0, "")) -> Account:
        return Account(smstack, int(upstream), pathlib.Path(project), f"3{series:06}{number:05}", point)

    wanted = await chain(account(0), None, set())
    tried, converged = dict.fromkeys(SCENARIOS, 0), dict.fromkeys(SCENARIOS, 0)
    wrong, left, room = [], set(SCENARIOS), asyncio.Semaphore(AT_ONCE)

    async def one(number: int, point: tuple[int, str], alive: set[str]):
        async with room:
            results = await chain(account(number, point), wanted, left)
        for scenario, problem in results.items():
            alive.add(scenario)
            tried[scenario] += 1
            converged[scenario] += not problem
            if problem:
                wrong.append(f"{scenario} at {point[0]}.{point[1]}: {problem}")
                print(wrong[-1], flush=True)

    if points:
        each = [(int(nth), stage) for nth, stage in (point.split(".") for point in points)]
        await asyncio.gather(*(one(number, point, set()) for number, point in enumerate(each, 1)))
    nth = 0
    while not points and left:
        nth += 1
        alive: set[str] = set()
        await asyncio.gather(*(one(2 * nth + n, (nth, stage), alive) for n, stage in enumerate(("before", "after"))))
        # A run that ends before its n-th request has no such point, and none after it.
        left &= alive
    for scenario in SCENARIOS:
        print(f"{scenario}: {tried[scenario]} points, {converged[scenario]} converged")
    print(f"all: {sum(tried.values())} points, {sum(converged.values())} converged")
    return 1 if wrong else 0


# --- what is in an account --------------------------------------------------------------------


def pages(service: str, operation: str, key: str, **arguments) -> list:
    client = workload.service(service)
    if client.can_paginate(operation):
        return [item for page in client.get_paginator(operation).paginate(**arguments) for item in page.get(key, [])]
    return getattr(client, operation)(**arguments).get(key, [])


# Service, operation, member of the answer, and what names an item of it.
EVERYTHING = (
    ("s3", "list_buckets", "Buckets", "Name"),
    ("iam", "list_roles", "Roles", "RoleName"),
    ("kms", "list_aliases", "Aliases", "AliasName"),
    ("sns", "list_topics", "Topics", "TopicArn"),
    ("sqs", "list_queues", "QueueUrls", None),
    ("events", "list_rules", "Rules", "Name"),
    ("scheduler", "list_schedules", "Schedules", "Name"),
    ("stepfunctions", "list_state_machines", "stateMachines", "name"),
    ("logs", "describe_log_groups", "logGroups", "logGroupName"),
    ("cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName"),
    ("cloudwatch", "list_dashboards", "DashboardEntries", "DashboardName"),
    ("sagemaker", "list_models", "Models", "ModelName"),
    ("sagemaker", "list_endpoint_configs", "EndpointConfigs", "EndpointConfigName"),
    ("sagemaker", "list_endpoints", "Endpoints", "EndpointName"),
    ("sagemaker", "list_pipelines", "PipelineSummaries", "PipelineName"),
    ("sagemaker", "list_model_package_groups", "ModelPackageGroupSummaryList", "ModelPackageGroupName"),
    ("sagemaker", "list_monitoring_schedules", "MonitoringScheduleSummaries", "MonitoringScheduleName"),
    ("sagemaker", "list_data_quality_job_definitions", "JobDefinitionSummaries", "MonitoringJobDefinitionName"),
)


def snapshot() -> dict:
    cloudformation, sagemaker = workload.service("cloudformation"), workload.service("sagemaker")
    scaling, s3 = workload.service("application-autoscaling"), workload.service("s3")
    names, stacks, sets = {}, {}, []
    for stack in cloudformation.describe_stacks()["Stacks"]:
        name = stack["StackName"]
        resources = {}
        for resource in pages("cloudformation", "list_stack_resources", "StackResourceSummaries", StackName=name):
            logical, physical = resource["LogicalResourceId"], resource.get("PhysicalResourceId", "")
            # A name that the template fixes is the same everywhere.
            if len(physical) > 12:
                names[physical] = f"<{name}/{logical}>"
                names[physical.rsplit("/", 1)[-1]] = f"<{name}/{logical}>"
            resources[logical] = [resource["ResourceType"], resource["ResourceStatus"]]
        names[stack["StackId"]] = f"<{name}>"
        stacks[name] = {
            "status": stack["StackStatus"],
            "resources": resources,
            "outputs": {o["OutputKey"]: o["OutputValue"] for o in stack.get("Outputs", [])},
            "parameters": {p["ParameterKey"]: p["ParameterValue"] for p in stack.get("Parameters", [])},
            "tags": {t["Key"]: t["Value"] for t in stack.get("Tags", [])},
            "template": cloudformation.get_template(StackName=name)["TemplateBody"],
        }
        for made in pages("cloudformation", "list_change_sets", "Summaries", StackName=name):
            if made.get("ExecutionStatus") not in ("EXECUTE_COMPLETE", "EXECUTE_FAILED"):
                sets.append([name, made["Status"], made.get("ExecutionStatus")])
    everything = {
        f"{service} {operation}": sorted(
            item[member] if member else item for item in pages(service, operation, key))
        for service, operation, key, member in EVERYTHING
    }
    endpoints = {}
    for name in everything["sagemaker list_endpoints"]:
        endpoint = sagemaker.describe_endpoint(EndpointName=name)
        config = sagemaker.describe_endpoint_config(EndpointConfigName=endpoint["EndpointConfigName"])
        endpoints[name] = {
            "status": endpoint["EndpointStatus"],
            "variants": endpoint["ProductionVariants"],
            "instances": [variant["InstanceType"] for variant in config["ProductionVariants"]],
        }
    targets = scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
    policies = scaling.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"]
    objects = {
        bucket: sorted(item["Key"] for item in s3.list_objects_v2(Bucket=bucket).get("Contents", []))
        for bucket in everything["s3 list_buckets"]
    }
    return {
        "names": names, "stacks": stacks, "change sets nobody executed": sorted(sets), "everything": everything,
        "endpoints": endpoints, "objects": objects,
        "targets": sorted([t["ResourceId"], t["MinCapacity"], t["MaxCapacity"]] for t in targets),
        "policies": sorted([p["ResourceId"], p["PolicyName"]] for p in policies),
    }


if __name__ == "__main__":
    share_clients(sys.argv[2])
    sys.exit(asyncio.run(main(*sys.argv[1:4], sys.argv[4:])))
