"""Kills `smstack data publish` at every boundary of its requests, runs it again, and looks at what is published.

    python kill_data.py SMSTACK UPSTREAM_PORT PROJECT_DIR [POINT]…      # default: every point, until there is none left

Points are as in `kill.py`. At each point a directory that shares most files with the latest version is published, and
killed. While it lies dead, `latest` has to be the version that it was, whole. It is run again, and then the manifest has
to be the one that this script computes by itself, `latest` the same, every object that it lists the file of that path,
and no upload in parts may be left over. The exit code is 1 when one is not.
"""

import asyncio
import hashlib
import json
import pathlib
import secrets
import sys

import kill
import workload

PREFIX = "raw-data/"
PUBLISH = ["data", "publish", "deep-learning", "training-data", "data"]


def directory(at: pathlib.Path, number: int) -> dict[str, bytes]:
    """The files of a publication: one that never changes is large, and one changes each time."""
    files = {f"part-{n}.csv": f"a,b\n{n},x\n".encode() for n in range(4)}
    files |= {"large.bin": bytes(range(256)) * (9 << 12), "deep/er.jsonl": b'{"a": 1}\n'}
    files |= {"changes.csv": f"a,b\n{number},y\n".encode(), "changes.bin": bytes([number % 256]) * (17 << 20)}
    for path, content in files.items():
        file = at / "data" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return files


def version(files: dict[str, bytes]) -> str:
    """The name of the version of these files."""
    whole = hashlib.sha256()
    for path, content in sorted(files.items()):
        whole.update(len(path.encode()).to_bytes(8, "big") + path.encode() + len(content).to_bytes(8, "big"))
        whole.update(hashlib.sha256(content).hexdigest().encode())
    return whole.hexdigest()[:16]


def problem(expected: dict[str, bytes]) -> str:
    """What is wrong with what is published: these files are to be the latest version."""
    s3 = workload.service("s3")
    bucket = next(b["Name"] for b in s3.list_buckets()["Buckets"] if "rawbucket" in b["Name"])

    def read(key: str) -> bytes:
        return s3.get_object(Bucket=bucket, Key=key)["Body"].read()

    name = version(expected)
    prefix = f"s3://{bucket}/{PREFIX}versions/{name}/"
    manifest = json.loads(read(f"{PREFIX}manifests/latest.json"))
    if manifest != [{"prefix": prefix}, *sorted(expected)]:
        return f"the latest manifest is {manifest}"
    if read(f"{PREFIX}manifests/{name}.json") != read(f"{PREFIX}manifests/latest.json"):
        return "latest is not the version's manifest"
    for path, content in expected.items():
        if read(f"{PREFIX}versions/{name}/{path}") != content:
            return f"{path} has another content"
    description = json.loads(read(f"{PREFIX}descriptions/{name}.json"))
    if description["id"] != name or description["files"] != len(expected):
        return f"the description is {description}"
    return ""


def left_over() -> str:
    s3 = workload.service("s3")
    bucket = next(b["Name"] for b in s3.list_buckets()["Buckets"] if "rawbucket" in b["Name"])
    uploads = s3.list_multipart_uploads(Bucket=bucket).get("Uploads", [])
    return f"uploads are left over: {[u['Key'] for u in uploads]}" if uploads else ""


async def main(smstack: str, upstream: str, project: str, points: list[str]) -> int:
    number = f"4{secrets.randbelow(10**11):011}"
    account = kill.Account(smstack, int(upstream), pathlib.Path(project), number, (0, ""))
    account.write(("{ region: us-east-1 }", f'{{ region: us-east-1, account: "{number}" }}'))
    tried, wrong = 0, []
    async with await account.proxy.start():
        code, said = await account.run(["deploy", "deep-learning"], kill=False)
        assert code == 0, kill.tail(said)
        files = directory(account.project, 0)
        code, said = await account.run(PUBLISH, kill=False)
        assert code == 0, kill.tail(said)
        each = [(int(nth), stage) for nth, stage in (point.split(".") for point in points)]
        every = ((nth, stage) for nth in range(1, 10_000) for stage in ("before", "after"))
        for point in each or every:
            before, files = files, directory(account.project, tried + 1)
            account.point = point
            code, said = await account.run(PUBLISH, kill=True)
            if not account.killed:
                break
            tried += 1
            # What was killed when `latest` had moved is published.
            lies = [await account.ask(problem, which) for which in (before, files)]
            found = "" if "" in lies else f"while it lies dead: {lies}"
            code, said = await account.run(PUBLISH, kill=False)
            found = found or (f"exit code {code}: {kill.tail(said)}" if code else "")
            found = found or await account.ask(problem, files) or await account.ask(left_over)
            if found:
                wrong.append(f"{point[0]}.{point[1]}: {found}")
                print(wrong[-1], flush=True)
    account.directory.cleanup()
    print(f"all: {tried} points, {tried - len(wrong)} converged")
    return 1 if wrong else 0


if __name__ == "__main__":
    kill.share_clients(sys.argv[2])
    sys.exit(asyncio.run(main(*sys.argv[1:4], sys.argv[4:])))
