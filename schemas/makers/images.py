"""`images.json`: the container images that AWS publishes, and what they are called in each region."""

import json
import re

# Configurations of the SDK that a stack file can name, and the two that monitors use.
FRAMEWORKS = ["huggingface", "mxnet", "pytorch", "sklearn", "tensorflow", "xgboost"]
SCOPES = ["training", "inference", "inference_graviton"]
# XGBoost's one image trains on GPUs, too, from this version on; the SDK asks for no processor.
# https://aws.amazon.com/blogs/machine-learning/amazon-sagemaker-xgboost-now-offers-fully-distributed-gpu-training/
GPU_XGBOOST = [1, 2, 2]
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
            unnamed = ["cpu", "gpu"] if name == "xgboost" and scope == "training" and numeric(version) >= GPU_XGBOOST else ["cpu"]
            processors = config.get("processors") or sub.get("processors") or unnamed
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
