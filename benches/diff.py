"""The CPU of a whole `smstack diff`, against CDK's diff library in node on the same pair, and of a large template.

    cargo build --release --no-default-features
    python3 benches/diff.py [--runs N] [--program PATH]

Each is a process of its own, measured as user and system time of the child; the minimum of the runs counts, since
whatever else the machine does only adds. `@aws-cdk/cloudformation-diff` is installed from npm, pinned, below
`target/`. Ends with 1 when a bound does not hold: 50 times less CPU than node, and 100 ms for 500 resources.
"""

import argparse
import json
import os
import pathlib
import resource
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
AT = ROOT / "target" / "bench-diff"
CDK = "2.187.5"
NODE = """
const fs = require("fs");
const { fullDiff, formatDifferences } = require("@aws-cdk/cloudformation-diff");
const [before, after] = process.argv.slice(2).map((path) => JSON.parse(fs.readFileSync(path, "utf8")));
formatDifferences(process.stdout, fullDiff(before, after));
"""


def templates(count: int) -> tuple[dict, dict]:
    """Two templates of `count` resources, a third of which differ: models, their endpoints, alarms, roles, buckets."""
    sides = []
    for after in (False, True):
        resources = {}
        for n in range(0, count, 6):
            size = "2xlarge" if after and n % 18 == 0 else "xlarge"
            bound = 9 if after and n % 12 == 0 else 5
            action = ["s3:*"] if after and n % 24 == 0 else ["s3:GetObject"]
            role = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
            statement = {"Effect": "Allow", "Action": action, "Resource": {"Fn::Sub": f"${{Bucket{n}.Arn}}/*"}}
            policy = {"PolicyName": "p", "PolicyDocument": {"Version": "2012-10-17", "Statement": [statement]}}
            variant = {
                "VariantName": "AllTraffic",
                "ModelName": {"Fn::GetAtt": [f"Model{n}", "ModelName"]},
                "InstanceType": f"ml.c5.{size}",
                "InitialInstanceCount": 2,
                "InitialVariantWeight": 1,
            }
            resources |= {
                f"Bucket{n}": {"Type": "AWS::S3::Bucket", "DeletionPolicy": "Retain", "Properties": {}},
                f"Role{n}": {
                    "Type": "AWS::IAM::Role",
                    "Properties": {"AssumeRolePolicyDocument": {"Statement": [role]}, "Policies": [policy]},
                },
                f"Model{n}": {
                    "Type": "AWS::SageMaker::Model",
                    "Properties": {
                        "ExecutionRoleArn": {"Fn::GetAtt": [f"Role{n}", "Arn"]},
                        "PrimaryContainer": {"Image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/image:1"},
                    },
                },
                f"Config{n}": {
                    "Type": "AWS::SageMaker::EndpointConfig",
                    "Properties": {"ProductionVariants": [variant]},
                },
                f"Endpoint{n}": {
                    "Type": "AWS::SageMaker::Endpoint",
                    "Properties": {"EndpointConfigName": {"Fn::GetAtt": [f"Config{n}", "EndpointConfigName"]}},
                },
                f"Alarm{n}": {
                    "Type": "AWS::CloudWatch::Alarm",
                    "Properties": {
                        "Threshold": bound,
                        "ComparisonOperator": "GreaterThanThreshold",
                        "EvaluationPeriods": 3,
                        "Dimensions": [
                            {"Name": "EndpointName", "Value": {"Fn::GetAtt": [f"Endpoint{n}", "EndpointName"]}}
                        ],
                    },
                },
            }
        sides.append({"Resources": dict(list(resources.items())[:count])})
    return sides[0], sides[1]


def cpu(command: list[str], runs: int, environment: dict[str, str] | None = None) -> float:
    """Seconds of CPU of a process, the least of several."""
    least = float("inf")
    for _ in range(runs):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(command, capture_output=True, cwd=AT, env=environment, check=False)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode or not done.stdout.strip():
            sys.exit(f"{command} ended with {done.returncode}: {done.stderr.decode()}")
        least = min(least, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
    return least


def main() -> None:
    """Measures, prints, and judges."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--runs", type=int, default=15)
    arguments.add_argument("--program", default=str(ROOT / "target" / "release" / "smstack"))
    given = arguments.parse_args()
    program = str(pathlib.Path(given.program).resolve())
    AT.mkdir(parents=True, exist_ok=True)
    installed = AT / "node_modules" / "@aws-cdk" / "cloudformation-diff" / "package.json"
    if not installed.exists() or json.loads(installed.read_text())["version"] != CDK:
        package = f"@aws-cdk/cloudformation-diff@{CDK}"
        command = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(AT), package]
        subprocess.run(command, check=True)
    (AT / "cdk.cjs").write_text(NODE)
    for count in (18, 500):
        for name, template in zip(("old", "new"), templates(count), strict=True):
            (AT / f"{name}{count}.json").write_text(json.dumps(template))
    ours = cpu([program, "diff", "new18.json", "--base", "./old18.json"], given.runs)
    node = cpu(["node", "cdk.cjs", "old18.json", "new18.json"], given.runs, dict(os.environ, NODE_ENV="production"))
    large = cpu([program, "diff", "new500.json", "--base", "./old500.json"], given.runs)
    print(f"18 resources: smstack {ours * 1e3:.1f} ms, cloudformation-diff {CDK} {node * 1e3:.1f} ms: {node / ours:.0f}×")
    print(f"500 resources: smstack {large * 1e3:.1f} ms")
    wrong = []
    if node < 50 * ours:
        wrong.append("less than 50 times faster than CDK's library")
    if large > 0.1:
        wrong.append("more than 100 ms for 500 resources")
    if wrong:
        sys.exit("; ".join(wrong))


if __name__ == "__main__":
    main()
