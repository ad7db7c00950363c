"""`regions.json`: partitions with their regions. `availability.json`: where each resource type is missing."""

import re

from makers.properties import PROVIDERS, described


def prefixes(pattern):
    """`^(us|eu)\\-\\w+\\-\\d+$` -> ["eu-", "us-"]."""
    stem = re.sub(r"\\-\\w\+\\-\\d\+\$$", "", pattern).removeprefix("^").replace("\\-", "-")
    before, alternatives, after = re.fullmatch(r"([^()]*)(?:\(([^()]*)\))?([^()]*)", stem).groups()
    return sorted(f"{before}{choice}{after}-" for choice in (alternatives or "").split("|"))


def offered(packages):
    """Region → the resource types that CloudFormation has there, for the regions of which that is known."""
    available = {}
    for path in packages.names("cfn-lint", PROVIDERS):
        region = path.removeprefix(PROVIDERS).removesuffix(".json")
        if path.endswith(".json") and "-" in region:
            available[region] = set(packages.json("cfn-lint", path))
    # cfn-lint fills the regions of which it knows nothing with the list of us-east-1.
    return {name: types for name, types in available.items() if name == "us-east-1" or types != available["us-east-1"]}


def regions(packages):
    partitions = {}
    for part in packages.json("botocore", "botocore/data/partitions.json")["partitions"]:
        partitions[part["id"]] = {
            "dns_suffix": part["outputs"]["dnsSuffix"],
            "prefixes": prefixes(part["regionRegex"]),
            "regions": sorted(name for name in part["regions"] if not name.endswith("-global")),
        }
    known = sorted(offered(packages))
    return {"sources": packages.sources("botocore", "cfn-lint"), "partitions": partitions, "known": known}


def availability(packages):
    known = offered(packages)
    rows = {
        name: {"missing": sorted(region for region, types in known.items() if name not in types)}
        for name, _ in described(packages)
    }
    return {"sources": packages.sources("cfn-lint"), "rows": rows}
