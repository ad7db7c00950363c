#!/usr/bin/env python3
"""CPU of `smstack lint`, beside that of cfn-lint on the same file, in one run on one machine.

    cargo build --release --no-default-features && benches/lint.py [target/release/smstack]

Lints one template of the reference workload with both, and with smstack alone 500 resources together with a definition
of 50 steps. Prints CPU time (minimum and median) and the ratios of the medians. Exits 1 when a bound of the project is
broken: 50 times less than cfn-lint, and the large documents within 10 times the small one. cfn-lint is the version in
`tests/tools/lint.txt`, installed under `target/`.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOL = ROOT / "target/bench-lint"
ROUNDS, SLOW_ROUNDS = 30, 3
FASTER, LARGER = 50.0, 10.0


def cpu(command: list[str]) -> float:
    """CPU seconds of one run, which finds nothing."""
    silent = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_WRONLY, 0) for fd in (1, 2)]
    child = os.posix_spawn(command[0], command, os.environ, file_actions=silent)
    _, status, usage = os.wait4(child, 0)
    if os.waitstatus_to_exitcode(status) != 0:
        sys.exit(f"{' '.join(command)} failed")
    return usage.ru_utime + usage.ru_stime


def cfn_lint() -> Path:
    """The pinned cfn-lint."""
    binary = TOOL / "bin/cfn-lint"
    if not binary.exists():
        venv.create(TOOL, with_pip=True)
        pip = [TOOL / "bin/pip", "install", "--quiet", "-r", ROOT / "tests/tools/lint.txt"]
        subprocess.run(pip, check=True)
    return binary


def reference(binary: Path, project: Path) -> tuple[Path, int]:
    """The template of the reference workload that is nearest to 18 resources."""
    out = project / "out"
    stack = ROOT / "stacks/deep-learning.yaml"
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run([binary, "synth", stack, "--env", "prod", "--out", out], check=True, **silent)
    templates = {path: len(json.loads(path.read_text())["Resources"]) for path in out.rglob("*.template.json")}
    return min(templates.items(), key=lambda item: abs(item[1] - 18))


def large(template: Path, project: Path) -> list[Path]:
    """500 resources, those of the template over and over, and a definition of 50 steps."""
    document = json.loads(template.read_text())
    ids = list(document["Resources"])
    resources = {}
    # A name that is fixed is each copy's own, too.
    named = (resource["Properties"].get("EndpointName") for resource in document["Resources"].values())
    endpoints = {name for name in named if isinstance(name, str)}
    for turn in range(500 // len(ids) + 1):
        text = json.dumps(document["Resources"])
        for name in sorted(ids, key=len, reverse=True):
            text = text.replace(f'"{name}"', f'"{name}N{turn}"').replace(f"${{{name}.", f"${{{name}N{turn}.")
            text = text.replace(f"${{{name}}}", f"${{{name}N{turn}}}")
        for endpoint in endpoints:
            text = text.replace(endpoint, f"{endpoint}-{turn}")
        resources |= json.loads(text)
    document["Resources"] = dict(list(resources.items())[: 500 - 500 % len(ids)])
    filler = 500 - len(document["Resources"])
    topic = {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": {"Ref": "AWS::StackName"}}}
    document["Resources"] |= {f"Topic{n}": topic for n in range(filler)}
    names = project / "large.template.json"
    # Outputs name what now has other names.
    document.pop("Outputs", None)
    names.write_text(json.dumps(document, indent=1))
    step = {
        "Type": "Training",
        "Arguments": {
            "AlgorithmSpecification": {
                "TrainingInputMode": "File",
                "TrainingImage": "111122223333.dkr.ecr.eu-west-1.amazonaws.com/fit:1",
                "MetricDefinitions": [{"Name": "loss", "Regex": "(?:^|\\s)loss=([0-9.eE+-]+)"}],
            },
            "HyperParameters": {"epochs": "10", "rate": "0.1"},
            "InputDataConfig": [
                {
                    "ChannelName": "train",
                    "DataSource": {
                        "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": {"Get": "Parameters.Data"}},
                    },
                },
            ],
            "OutputDataConfig": {"S3OutputPath": "s3://models/fit"},
            "ResourceConfig": {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 30},
            "RoleArn": "arn:aws:iam::111122223333:role/train",
            "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
        },
    }
    steps = [{"Name": f"Fit{n}"} | step | ({"DependsOn": [f"Fit{n - 1}"]} if n else {}) for n in range(50)]
    parameters = [{"Name": "Data", "Type": "String", "DefaultValue": "s3://lake/raw"}]
    definition = project / "pipeline.json"
    definition.write_text(
        json.dumps({"Version": "2020-12-01", "Parameters": parameters, "Steps": steps}, indent=1)
    )
    return [names, definition]


def main() -> int:
    """Measures, prints, judges."""
    binary = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "target/release/smstack").resolve()
    other = cfn_lint()
    with tempfile.TemporaryDirectory() as directory:
        project = Path(directory)
        small, count = reference(binary, project)
        both = large(small, project)
        taken: dict[str, list[float]] = {}
        commands = {
            "smstack": ([str(binary), "lint", str(small)], ROUNDS),
            "smstack, large": ([str(binary), "lint", *map(str, both)], ROUNDS),
            "cfn-lint": ([str(other), "--regions", "eu-west-1", "--", str(small)], SLOW_ROUNDS),
        }
        for name, (command, rounds) in commands.items():
            cpu(command)
            taken[name] = [cpu(command) for _ in range(rounds)]
        size = sum(path.stat().st_size for path in both) // 1024
        print(f"{small.name}: {count} resources, {small.stat().st_size // 1024} KB; large: 500 and 50, {size} KB")
    medians = {name: statistics.median(samples) for name, samples in taken.items()}
    for name, samples in taken.items():
        low, rounds = min(samples) * 1000, len(samples)
        print(f"{name:16}{low:10.2f} /{medians[name] * 1000:10.2f} ms CPU    minimum / median of {rounds} runs")
    faster = medians["cfn-lint"] / medians["smstack"]
    larger = medians["smstack, large"] / medians["smstack"]
    print(f"cfn-lint takes {faster:.0f} times as much (at least {FASTER:.0f})")
    print(f"the large documents take {larger:.1f} times as much (at most {LARGER:.0f})")
    return 0 if faster >= FASTER and larger <= LARGER else 1


if __name__ == "__main__":
    sys.exit(main())
