"""The time and the memory of `smstack data publish`, beside `aws s3 cp --recursive` of the same directory in the same run.

    cargo build --release && python3 benches/data.py [--runs N] [--program PATH] [--large MIB]

Two directories are published to a local cloud of this bench's own, by each tool in turn: 1,000 files of rows, and one
file of 1 GB. Every run publishes content that was never there, so that nothing is skipped. smstack reads and hashes
everything before it uploads, and checks both sides by SHA-256; the AWS CLI does as it does by default. The largest
resident set is the kernel's word on the process, and is shown beside that of a publication of 64 MB: it has to stay
flat. The AWS CLI is installed from PyPI, pinned, below `target/`. Ends with 1 when smstack has less than half the
throughput of the AWS CLI, or its memory grows with the data.
"""

import argparse
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import deploy

ACCOUNT = "100000000098"
FILES = 1000
# What a publication may need more than a small one: as many parts as are sent at a time, and a list of the files.
GROWTH_MIB = 48


def measured(command: list, env: dict, at: pathlib.Path) -> tuple[float, float]:
    """Seconds and the largest resident set in MiB of a command, which has to succeed."""
    begin = time.monotonic()
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen([str(part) for part in command], env=env, cwd=at, stdout=said, stderr=said)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            said.seek(0)
            sys.exit(f"{' '.join(map(str, command))}\n{said.read().decode(errors='replace')}")
    # In bytes there, in KiB elsewhere.
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return time.monotonic() - begin, used.ru_maxrss / unit


def rows(at: pathlib.Path, salt: int) -> None:
    for n in range(FILES):
        lines = [f"{salt},{n},{line},{line * 0.37:.3f},row {line} of {n}" for line in range(200)]
        (at / f"part-{n:04}.csv").write_text("salt,file,line,number,text\n" + "\n".join(lines) + "\n")


def large(at: pathlib.Path, mib: int) -> None:
    with (at / "large.bin").open("wb") as file:
        for _ in range(mib):
            file.write(os.urandom(1 << 20))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--program", type=pathlib.Path, default=deploy.ROOT / "target" / "release" / "smstack")
    parser.add_argument("--large", type=int, default=1024, help="MiB of the large file")
    args = parser.parse_args()
    program = args.program.resolve()
    at = deploy.ROOT / "target" / "bench-data"
    at.mkdir(parents=True, exist_ok=True)
    own = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    own |= {"SMSTACK_CACHE_DIR": str(deploy.ROOT / "target" / "local-cloud"), "SMSTACK_LOCAL_DIR": str(at / "cloud")}
    tools = deploy.tools()
    up = deploy.run([program, "local", "up"], own, deploy.ROOT)
    url = next(line.partition("=")[2] for line in up.splitlines() if line.startswith("AWS_ENDPOINT_URL="))
    own |= {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": ACCOUNT,
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    try:
        with tempfile.TemporaryDirectory(dir=at) as directory:
            return compare(program, tools, own, pathlib.Path(directory), args)
    finally:
        deploy.run([program, "local", "down"], own, deploy.ROOT)


def compare(program: pathlib.Path, tools: pathlib.Path, env: dict, at: pathlib.Path, args: argparse.Namespace) -> int:
    shutil.copytree(deploy.ROOT / "stacks", at / "stacks")
    deployed = [program, "deploy", "deep-learning", "--env", "dev", "--yes"]

    def fresh() -> str:
        """An empty cloud, which keeps all that it has in memory, with the stack; the bucket."""
        deploy.run([program, "local", "reset"], env, at)
        said = deploy.run(deployed, env, at)
        return next(line.split()[-1] for line in said.splitlines() if "RawBucketName" in line)

    def publish(data: pathlib.Path) -> tuple[float, float]:
        where = ["deep-learning", "training-data", data, "--env", "dev", "--yes"]
        return measured([program, "data", "publish", *where], env, at)

    def copy(data: pathlib.Path, bucket: str) -> tuple[float, float]:
        to = f"s3://{bucket}/copied/"
        return measured([tools / "aws", "s3", "cp", "--recursive", "--only-show-errors", data, to], env, at)

    good, base = True, 0.0
    cases = [
        ("64 MB in one file", lambda data, _: large(data, 64), 1),
        (f"{FILES} files", rows, args.runs),
        (f"{args.large} MiB in one file", lambda data, _: large(data, args.large), args.runs),
    ]
    for name, make, runs in cases:
        ours, theirs = [], []
        for salt in range(runs):
            data = at / "data"
            data.mkdir()
            make(data, salt)
            bucket = fresh()
            ours.append(publish(data))
            bucket = fresh()
            theirs.append(copy(data, bucket))
            shutil.rmtree(data)
        seconds = [statistics.median(taken for taken, _ in each) for each in (ours, theirs)]
        memory = [max(peak for _, peak in each) for each in (ours, theirs)]
        for tool, n in (("smstack data publish", 0), ("aws s3 cp --recursive", 1)):
            print(f"{name:<22} {tool:<22} median {seconds[n]:7.2f} s   peak {memory[n]:6.0f} MiB   of {runs} runs", flush=True)
        base = base or memory[0]
        throughput = seconds[1] / seconds[0]
        print(f"{name:<22} smstack has {throughput:.2f} times the throughput of the AWS CLI", flush=True)
        # The first is only there for its memory.
        good = good and memory[0] <= base + GROWTH_MIB and (name == cases[0][0] or throughput >= 0.5)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
