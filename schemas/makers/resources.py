"""`resources.json`: how CloudFormation treats a resource type, and what `Ref` and `Fn::GetAtt` give of it."""

import ast

from makers.properties import described

# cfn-lint's list of what holds data does not know SageMaker's: the model registry and the feature store.
STATEFUL = ["AWS::SageMaker::FeatureGroup", "AWS::SageMaker::ModelPackageGroup"]
# `Ref` gives the primary identifier; not so of this one, says "Return values" of its page
# (docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-events-rule.html).
REFERENCES = {"AWS::Events::Rule": "RuleName"}


def dotted(pointer):
    return pointer.removeprefix("/properties/").replace("/", ".")


def constants(packages, path, *names):
    """The values of constants of a Python module."""
    assigned = {}
    for node in ast.parse(packages.text("cfn-lint", path)).body:
        if isinstance(node, ast.Assign):
            assigned[node.targets[0].id] = node.value
    return [ast.literal_eval(assigned[name]) for name in names]


def resolved(schema, shape):
    while "$ref" in shape:
        shape = schema["definitions"][shape["$ref"].removeprefix("#/definitions/")]
    return shape


def leaves(schema, shape, path):
    """The properties below, as far as `Fn::GetAtt` reaches: no items of lists of objects."""
    shape = resolved(schema, shape)
    kind = shape.get("type")
    if kind == "object":
        for name, sub in shape.get("properties", {}).items():
            yield from leaves(schema, sub, f"{path}.{name}")
    elif kind != "array" or shape.get("items", {}).get("type") not in ("object", "array"):
        yield path


def attributes(name, schema, every, besides):
    """What `Fn::GetAtt` can read, as cfn-lint has it; `Outputs.*` stands for every output of a nested stack."""
    if name == "AWS::CloudFormation::Stack":
        return ["Outputs.*"]
    if name == "AWS::CloudFormation::CustomResource":
        return ["*"]
    if name in every:
        return sorted(set(path for it, sub in schema["properties"].items() for path in leaves(schema, sub, it)))
    read_only = [dotted(path) for path in schema.get("readOnlyProperties", [])]
    return sorted(set(path for path in read_only if "*" not in path) | set(besides.get(name, [])))


def resources(packages):
    stateful = packages.json("cfn-lint", "cfnlint/data/AdditionalSpecs/StatefulResources.json")["ResourceTypes"]
    every, besides = constants(packages, "cfnlint/schema/_getatts.py", "_all_property_types", "_exceptions")
    types = {}
    for name, schema in described(packages):

        def paths(key):
            return sorted(dotted(path) for path in schema.get(key, []))

        row = {"required": sorted(schema.get("required", []))}
        row["create_only"] = paths("createOnlyProperties")
        row["conditional"] = paths("conditionalCreateOnlyProperties")
        row["read_only"] = paths("readOnlyProperties")
        row["write_only"] = paths("writeOnlyProperties")
        identifier = [dotted(path) for path in schema["primaryIdentifier"]]
        row["ref"] = REFERENCES.get(name, identifier[0] if len(identifier) == 1 else None)
        row["attributes"] = attributes(name, schema, every, besides)
        tagging = schema.get("tagging", {})
        tags = tagging.get("tagProperty", "/properties/Tags").removeprefix("/properties/")
        if tags in schema["properties"] and tagging.get("taggable", True):
            form = "list" if resolved(schema, schema["properties"][tags]).get("type") == "array" else "map"
            row["tags"] = {"property": tags, "form": form}
        row["stateful"] = name in stateful or name in STATEFUL
        types[name] = {key: value for key, value in row.items() if value}
    return {"sources": packages.sources("cfn-lint"), "rows": types}
