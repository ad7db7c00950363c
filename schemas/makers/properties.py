"""`properties.json`: what CloudFormation lets each property of a resource type hold.

From the resource provider schemas as cfn-lint ships them, and from what cfn-lint's own rules add to them.
The form is JSON Schema's, shortened: `Shape` in `src/tables/properties.rs` says what each key means.
"""

import re

PROVIDERS = "cfnlint/data/schemas/providers/"
EXTENSIONS = "cfnlint/data/schemas/extensions/"

# Services whose types stand in one template with SageMaker's.
SERVICES = [
    "ApiGateway", "ApiGatewayV2", "ApplicationAutoScaling", "Athena", "Budgets", "CloudFormation", "CloudTrail",
    "CloudWatch", "CodeBuild", "CodeConnections", "CodePipeline", "CodeStarConnections", "Cognito", "DynamoDB", "ECR",
    "EFS", "EMR", "EMRServerless", "Events", "FSx", "Glue", "IAM", "KMS", "Kinesis", "KinesisFirehose",
    "LakeFormation", "Lambda", "Logs", "MWAA", "Pipes", "RAM", "S3", "SNS", "SQS", "SSM", "SageMaker", "Scheduler",
    "SecretsManager", "StepFunctions",
]  # fmt: skip
# And of EC2 what a network is made of.
NETWORK = [
    "EIP", "FlowLog", "InternetGateway", "NatGateway", "NetworkAcl", "NetworkAclEntry", "NetworkInterface",
    "PrefixList", "Route", "RouteTable", "SecurityGroup", "SecurityGroupEgress", "SecurityGroupIngress", "Subnet",
    "SubnetNetworkAclAssociation", "SubnetRouteTableAssociation", "VPC", "VPCCidrBlock", "VPCEndpoint",
    "VPCGatewayAttachment",
]  # fmt: skip


def described(packages):
    """The resource types of the table, each with its schema."""
    everything = packages.json("cfn-lint", PROVIDERS + "us-east-1.json")
    for name, digest in sorted(everything.items()):
        _, service, kind = name.split("::")
        if service in SERVICES or (service == "EC2" and kind in NETWORK):
            yield name, packages.json("cfn-lint", f"cfnlint/data/schemas/resources/{digest}.json")


# ---------------------------------------------------------------- one shape

BOUNDS = [("minLength", "maxLength", "length"), ("minItems", "maxItems", "count"), ("minimum", "maximum", "range"),
          ("minProperties", "maxProperties", "size")]  # fmt: skip
NESTED = {"items": "item", "propertyNames": "keys", "not": "not", "if": "if", "then": "then", "else": "else"}
LISTS = {"oneOf": "oneOf", "anyOf": "anyOf", "allOf": "allOf"}
SAME = {
    "required": "required", "pattern": "pattern", "multipleOf": "multiple", "requiredXor": "oneRequired",
    "requiredOr": "anyRequired", "dependentRequired": "requires", "dependentExcluded": "excludes", "uniqueKeys": "uniqueBy",
}  # fmt: skip


def text(value):
    """Enums are compared as text, for so CloudFormation compares them: `"60"` is 60."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def shape(schema):
    """A JSON Schema in the table's form."""
    if isinstance(schema, bool):
        return {} if schema else {"never": True}
    out = {}
    if "$ref" in schema:
        out["ref"] = schema["$ref"].removeprefix("#/definitions/")
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else [kind for kind in kinds if kind != "null"]
    # A list that is a JSON Schema default for "anything" says nothing.
    if kinds and not {"array", "boolean", "number", "object", "string"} <= set(kinds):
        out["type"] = "|".join(kinds)
    if "properties" in schema:
        # `"required": true` among properties is a slip in the source, and no property.
        out["props"] = {name: shape(sub) for name, sub in sorted(schema["properties"].items()) if name != "required"}
    if "patternProperties" in schema:
        out["patterns"] = [[key, shape(sub)] for key, sub in sorted(schema["patternProperties"].items())]
    if ("props" in out or "patterns" in out) and schema.get("additionalProperties") is not False:
        out["open"] = True
    if schema.get("additionalProperties") is False and "props" not in out and "patterns" not in out:
        out["props"] = {}
    for key, values in (("enum", schema.get("enum")), ("const", [schema["const"]] if "const" in schema else None)):
        if values is not None:
            out["enum"] = list(dict.fromkeys(text(value) for value in values))
    if "enumCaseInsensitive" in schema:
        out |= {"enum": [text(value) for value in schema["enumCaseInsensitive"]], "anyCase": True}
    for least, most, name in BOUNDS:
        if least in schema or most in schema:
            out[name] = [schema.get(least), schema.get(most)]
    if schema.get("uniqueItems"):
        out["unique"] = True
    if schema.get("format", "").startswith("AWS::") or schema.get("format") in ("date-time", "json", "ipv4-network"):
        out["format"] = schema["format"]
    for key, name in SAME.items():
        if schema.get(key):
            out[name] = schema[key]
    for name, needs in schema.get("dependencies", {}).items():
        out.setdefault("requires", {})[name] = needs
    for key, name in NESTED.items():
        if key in schema:
            out[name] = shape(schema[key])
    for key, name in LISTS.items():
        if schema.get(key):
            out[name] = [shape(sub) for sub in schema[key]]
    return out


def references(value):
    """The names of the shapes that a shape refers to."""
    if isinstance(value, dict):
        for key, sub in value.items():
            if key == "ref" and isinstance(sub, str):
                yield sub
            else:
                yield from references(sub)
    elif isinstance(value, list):
        for sub in value:
            yield from references(sub)


def row(schema):
    """A resource type: the shape of its properties, and the shapes that it refers to by name."""
    definitions = {name: shape(sub) for name, sub in schema.get("definitions", {}).items()}
    root = shape(schema | {"type": "object"})
    used, wanted = {}, list(references(root))
    while wanted:
        name = wanted.pop()
        if name not in used:
            used[name] = definitions[name]
            wanted += references(definitions[name])
    return {"root": root, "shapes": dict(sorted(used.items()))}


# ---------------------------------------------------------------- what cfn-lint's rules add


def additions(packages):
    """Resource type → (property path, schema) of what cfn-lint refuses besides what the provider schemas say."""
    found = {}
    for path in packages.names("cfn-lint", "cfnlint/rules/"):
        source = packages.text("cfn-lint", path) if path.endswith(".py") else ""
        module = re.search(r"import cfnlint\.data\.schemas\.extensions\.(\w+)", source)
        file = re.search(r'filename="([^"]+)"', source)
        # Its errors only: warnings and hints are a matter of taste.
        if not (module and file and re.search(r'\bid = "E', source)):
            continue
        schema = packages.json("cfn-lint", f"{EXTENSIONS}{module[1]}/{file[1]}")
        # Left out: what spans resources (`cfnGather`), and enums by region.
        if "cfnGather" in schema or file[1].endswith("_enum.json") and "us-east-1" in schema:
            continue
        for place in re.findall(r'"Resources/(AWS::[^"]+)"', source):
            kind, _, below = place.partition("/Properties")
            found.setdefault(kind, []).append((below.strip("/"), shape(schema)))
    return found


def place(row, path):
    """The shape that a property path of a row leads to."""
    at = row["root"]
    for segment in path.split("/") if path else []:
        while "ref" in at:
            at = row["shapes"][at["ref"]]
        at = at["item"] if segment == "*" else at["props"][segment]
    while "ref" in at:
        at = row["shapes"][at["ref"]]
    return at


def properties(packages):
    extra, rows = additions(packages), {}
    for name, schema in described(packages):
        made = rows[name] = row(schema)
        for path, addition in extra.get(name, []):
            all_of = place(made, path).setdefault("allOf", [])
            all_of += [addition] if addition not in all_of else []
    return {"sources": packages.sources("cfn-lint"), "rows": rows}
