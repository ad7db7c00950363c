"""`repositories.json`: the registry account of every repository of AWS's images, by region."""

import json

FOLDER = "sagemaker/image_uri_config/"


def entries(config):
    """The parts of an image configuration that name a repository and its registries."""
    if isinstance(config, dict):
        if "registries" in config:
            yield config["repository"], config["registries"]
        for sub in config.values():
            yield from entries(sub)


def repositories(packages):
    sets, found = {}, {}
    for path in packages.names("sagemaker", FOLDER):
        if path.endswith(".json"):
            for repository, registries in entries(packages.json("sagemaker", path)):
                key = json.dumps(registries, sort_keys=True)
                name = sets.setdefault(key, f"set-{len(sets) + 1:02}")
                found.setdefault(repository, set()).add(name)
    return {
        "sources": packages.sources("sagemaker"),
        "accounts": {name: dict(sorted(json.loads(key).items())) for key, name in sets.items()},
        "repositories": {name: sorted(held) for name, held in sorted(found.items())},
    }
