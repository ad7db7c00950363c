"""The wall time of `smstack deploy` without changes, beside that of `aws cloudformation deploy` for the same two templates.

    cargo build --release && python3 benches/deploy.py [--runs N] [--program PATH]

Both stacks of the reference workload are deployed to a local cloud of this bench's own; then each tool is run in turn,
with nothing to change. `smstack` reads the stack file and renders everything anew; the AWS CLI gets the two rendered
templates, one after the other. The AWS CLI is installed from PyPI, pinned, below `target/`. Prints the minimum and the
median of both. Ends with 1 when the median of smstack is not below.
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import venv

ROOT = pathlib.Path(__file__).resolve().parent.parent
AT = ROOT / "target" / "bench-deploy"
PINNED = ("awscli==1.42.30", "boto3==1.40.30", "pyyaml==6.0.2")
ACCOUNT = "100000000099"


def tools() -> pathlib.Path:
    """The directory of the AWS CLI, and of a Python that reads what is deployed."""
    home = AT / "venv"
    if not (home / "bin" / "aws").exists():
        venv.create(home, with_pip=True)
        subprocess.run([home / "bin" / "pip", "install", "--quiet", *PINNED], check=True)
    return home / "bin"


def run(command: list, env: dict, at: pathlib.Path) -> str:
    """The output of a command, which has to succeed."""
    done = subprocess.run([str(part) for part in command], env=env, cwd=at, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--program", type=pathlib.Path, default=ROOT / "target" / "release" / "smstack")
    args = parser.parse_args()
    program = args.program.resolve()
    own = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    own |= {"SMSTACK_CACHE_DIR": str(ROOT / "target" / "local-cloud"), "SMSTACK_LOCAL_DIR": str(AT / "cloud")}
    bin_of_tools = tools()
    up = run([program, "local", "up"], own, ROOT)
    url = next(line.partition("=")[2] for line in up.splitlines() if line.startswith("AWS_ENDPOINT_URL="))
    own |= {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": ACCOUNT,
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    try:
        with tempfile.TemporaryDirectory() as directory:
            return compare(program, bin_of_tools, own, pathlib.Path(directory), args.runs)
    finally:
        run([program, "local", "down"], own, ROOT)


def compare(program: pathlib.Path, bin_of_tools: pathlib.Path, env: dict, at: pathlib.Path, runs: int) -> int:
    shutil.copytree(ROOT / "stacks", at / "stacks")
    deploy = [program, "deploy", "deep-learning", "--env", "dev", "--yes", "--format", "json"]
    run([program, "local", "reset"], env, at)
    run(deploy, env, at)
    workload = ROOT / "tests" / "cloud" / "workload.py"
    run([bin_of_tools / "python", workload, "register", "stacks/deep-learning.yaml", "dev"], env, at)
    run(deploy, env, at)
    run([program, "synth", "deep-learning", "--env", "dev", "--out", "out"], env, at)
    assembly = at / "out" / "deep-learning" / "dev"
    manifest = json.loads((assembly / "manifest.json").read_text())
    bucket = f"smstack-artifacts-{ACCOUNT}-us-east-1"

    def smstack() -> None:
        told = json.loads(run(deploy, env, at))
        if [stack["result"] for stack in told["stacks"]] != ["unchanged"] * 3:
            sys.exit(f"smstack changed something: {told}")

    def aws() -> None:
        for template in manifest["templates"]:
            tags = [f"{key}={value}" for key, value in manifest["tags"].items()]
            said = run(
                [bin_of_tools / "aws", "cloudformation", "deploy", "--no-fail-on-empty-changeset"]
                + ["--template-file", assembly / template["file"], "--stack-name", template["stack_name"]]
                + ["--s3-bucket", bucket, "--capabilities", "CAPABILITY_IAM", "--tags", *tags],
                env,
                at,
            )
            if "No changes to deploy" not in said:
                sys.exit(f"the AWS CLI changed something: {said}")

    taken: dict = {"smstack deploy": [], "aws cloudformation deploy, twice": []}
    for _ in range(runs):
        for name, tool in zip(taken, (smstack, aws), strict=True):
            begin = time.monotonic()
            tool()
            taken[name].append(time.monotonic() - begin)
    for name, times in taken.items():
        print(f"{name:<34} min {min(times):6.2f} s   median {statistics.median(times):6.2f} s   of {runs} runs")
    ours, theirs = (statistics.median(times) for times in taken.values())
    print(f"smstack takes {ours / theirs:.2f} of the AWS CLI's time")
    return 0 if ours < theirs else 1


if __name__ == "__main__":
    sys.exit(main())
