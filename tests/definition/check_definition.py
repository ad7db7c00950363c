#!/usr/bin/env python3
"""Checks a Pipelines definition against the shapes of the SageMaker API, as botocore knows them.

    check_definition.py FILE

Each step's `Arguments`, with references replaced by fitting values, must be a request that the API takes; each
reference must lead to a parameter, a variable of the execution, or a member of what the step's API answers.
Prints a line for each fault, and exits with 1 when there is one. Needs `botocore`, from PyPI.
"""

import datetime
import json
import re
import sys

import botocore.session
from botocore.validate import ParamValidator

MODEL = botocore.session.Session().get_service_model("sagemaker")
VARIABLES = {
    "StartDateTime", "CurrentDateTime", "PipelineName", "PipelineArn", "PipelineExecutionId",
    "PipelineExecutionArn", "TrainingJobName", "ProcessingJobName",
}  # fmt: skip
# Type of step: the operation it calls, the member that Pipelines fills in, what a reference walks.
STEPS = {
    "Processing": ("CreateProcessingJob", "ProcessingJobName", "DescribeProcessingJobResponse"),
    "Training": ("CreateTrainingJob", "TrainingJobName", "DescribeTrainingJobResponse"),
    "Tuning": (
        "CreateHyperParameterTuningJob", "HyperParameterTuningJobName", "DescribeHyperParameterTuningJobResponse",
    ),
    "Transform": ("CreateTransformJob", "TransformJobName", "DescribeTransformJobResponse"),
    "Model": ("CreateModel", "ModelName", "DescribeModelOutput"),
    "RegisterModel": ("CreateModelPackage", None, "DescribeModelPackageOutput"),
    "QualityCheck": ("CreateProcessingJob", "ProcessingJobName", None),
    "ClarifyCheck": ("CreateProcessingJob", "ProcessingJobName", None),
}  # fmt: skip
ENVELOPE = {"Name", "Type", "Arguments", "DependsOn", "DisplayName", "Description"}
EXTRA = {
    "Processing": {"CacheConfig", "RetryPolicies", "PropertyFiles"},
    "Training": {"CacheConfig", "RetryPolicies"},
    "Tuning": {"CacheConfig", "RetryPolicies"},
    "Transform": {"CacheConfig", "RetryPolicies"},
    "Model": {"RetryPolicies"},
    "RegisterModel": {"RetryPolicies"},
    "QualityCheck": {
        "CacheConfig", "CheckType", "ModelPackageGroupName", "SkipCheck", "FailOnViolation",
        "RegisterNewBaseline", "SuppliedBaselineStatistics", "SuppliedBaselineConstraints",
    },
    "ClarifyCheck": {
        "CacheConfig", "CheckType", "ModelPackageGroupName", "ModelName", "SkipCheck", "FailOnViolation",
        "RegisterNewBaseline", "SuppliedBaselineConstraints",
    },
    "Condition": set(),
    "Fail": set(),
}  # fmt: skip
BASELINES = {
    "CalculatedBaselineConstraints", "CalculatedBaselineStatistics",
    "BaselineUsedForDriftCheckConstraints", "BaselineUsedForDriftCheckStatistics",
}  # fmt: skip
COMPARISONS = {"Equals", "GreaterThan", "GreaterThanOrEqualTo", "LessThan", "LessThanOrEqualTo"}
EXCEPTIONS = {
    "Step.SERVICE_FAULT", "Step.THROTTLING", "SageMaker.JOB_INTERNAL_ERROR",
    "SageMaker.CAPACITY_ERROR", "SageMaker.RESOURCE_LIMIT",
}  # fmt: skip


class Checker:
    def __init__(self, definition):
        self.definition = definition
        self.faults = []
        self.steps = {}
        self.parameters = {}

    def fault(self, place, message):
        self.faults.append(f"{place}: {message}")

    def run(self):
        definition = self.definition
        if definition.get("Version") != "2020-12-01":
            self.fault("Version", "is not 2020-12-01")
        for unknown in set(definition) - {
            "Version", "Metadata", "Parameters", "PipelineExperimentConfig", "Steps",
        }:  # fmt: skip
            self.fault(unknown, "is no member of a definition")
        for parameter in definition.get("Parameters", []):
            self.parameter(parameter)
        self.collect(definition.get("Steps", []), "Steps")
        self.references(definition.get("PipelineExperimentConfig"), "PipelineExperimentConfig", None)
        for place, step in self.steps.values():
            self.step(place, step)
        self.circles()
        return self.faults

    def parameter(self, parameter):
        place = f"Parameters.{parameter.get('Name')}"
        self.parameters[parameter.get("Name")] = parameter
        kinds = {"String": str, "Integer": int, "Float": (int, float), "Boolean": bool}
        kind = kinds.get(parameter.get("Type"))
        if kind is None:
            self.fault(place, f"has the type {parameter.get('Type')!r}")
        elif "DefaultValue" in parameter and not isinstance(parameter["DefaultValue"], kind):
            self.fault(place, "has a default of another type")

    def collect(self, steps, place):
        for index, step in enumerate(steps):
            at = f"{place}[{index}]({step.get('Name')})"
            name = step.get("Name", "")
            if not re.fullmatch(r"[A-Za-z0-9\-_]{1,64}", name):
                self.fault(at, "has no name that a step can have")
            if name in self.steps:
                self.fault(at, "has the name of another step")
            self.steps[name] = (at, step)
            if step.get("Type") == "Condition":
                for branch in ("IfSteps", "ElseSteps"):
                    self.collect(step["Arguments"].get(branch, []), f"{at}.{branch}")

    def step(self, place, step):
        kind = step.get("Type")
        if kind not in EXTRA:
            return self.fault(place, f"has the type {kind!r}")
        for unknown in set(step) - ENVELOPE - EXTRA[kind]:
            self.fault(f"{place}.{unknown}", f"is no member of a {kind} step")
        for other in step.get("DependsOn", []):
            if other not in self.steps:
                self.fault(f"{place}.DependsOn", f"there is no step {other!r}")
        self.envelope(place, step)
        arguments = step.get("Arguments", {})
        if kind == "Condition":
            for index, condition in enumerate(arguments.get("Conditions", [])):
                self.condition(condition, f"{place}.Conditions[{index}]", place)
            if not arguments.get("Conditions"):
                self.fault(place, "compares nothing")
        elif kind == "Fail":
            self.references(arguments, place, place)
            if set(arguments) != {"ErrorMessage"}:
                self.fault(place, "wants `ErrorMessage` and nothing else")
        else:
            self.references(arguments, place, place)
            self.request(place, kind, arguments)

    def envelope(self, place, step):
        cache = step.get("CacheConfig")
        if cache is not None:
            after = cache.get("ExpireAfter", "")
            if not re.fullmatch(r"P(?=.)(\d+[YMWD])*(T(\d+[HMS])+)?", after):
                self.fault(f"{place}.CacheConfig", f"{after!r} is no ISO 8601 duration")
        for policy in step.get("RetryPolicies", []):
            at = f"{place}.RetryPolicies"
            if not policy.get("ExceptionType") or set(policy["ExceptionType"]) - EXCEPTIONS:
                self.fault(at, f"{policy.get('ExceptionType')} are no failures")
            if ("MaxAttempts" in policy) == ("ExpireAfterMin" in policy):
                self.fault(at, "wants one of `MaxAttempts` and `ExpireAfterMin`")
        outputs = step.get("Arguments", {}).get("ProcessingOutputConfig", {}).get("Outputs", [])
        names = {output.get("OutputName") for output in outputs}
        for file in step.get("PropertyFiles", []):
            if file.get("OutputName") not in names:
                self.fault(f"{place}.PropertyFiles", f"there is no output {file.get('OutputName')!r}")
            for missing in {"PropertyFileName", "FilePath"} - set(file):
                self.fault(f"{place}.PropertyFiles", f"{missing} is missing")

    def condition(self, condition, at, place):
        kind = condition.get("Type")
        wanted = {"Type", "LeftValue", "RightValue"}
        if kind == "In":
            wanted = {"Type", "QueryValue", "Values"}
        elif kind == "Not":
            wanted = {"Type", "Condition"}
            self.condition(condition.get("Condition", {}), f"{at}.Condition", place)
        elif kind == "Or":
            wanted = {"Type", "Conditions"}
            for index, inner in enumerate(condition.get("Conditions", [])):
                self.condition(inner, f"{at}.Conditions[{index}]", place)
        elif kind not in COMPARISONS:
            return self.fault(at, f"{kind!r} is no comparison")
        if set(condition) != wanted:
            self.fault(at, f"has {sorted(condition)}, wants {sorted(wanted)}")
        if kind not in ("Not", "Or"):
            self.references(condition, at, place)

    # References.

    def references(self, value, at, place):
        if isinstance(value, list):
            for index, item in enumerate(value):
                self.references(item, f"{at}[{index}]", place)
        elif isinstance(value, dict):
            if set(value) == {"Get"}:
                self.get(value["Get"], at, place)
            elif set(value) == {"Std:JsonGet"}:
                self.json_get(value["Std:JsonGet"], at, place)
            else:
                for key, item in value.items():
                    if key in ("Get", "Std:JsonGet"):
                        self.fault(at, f"{key} stands beside other members")
                    self.references(item, f"{at}.{key}", place)

    def get(self, path, at, place):
        head, _, rest = path.partition(".")
        if head == "Parameters":
            if rest not in self.parameters:
                self.fault(at, f"there is no parameter {rest!r}")
        elif head == "Execution":
            if rest not in VARIABLES:
                self.fault(at, f"there is no variable {rest!r} of an execution")
        elif head == "Steps":
            name, _, members = rest.partition(".")
            if name not in self.steps:
                return self.fault(at, f"there is no step {name!r}")
            self.seen(name, at, place)
            if members.startswith("PropertyFiles."):
                return self.fault(at, "a property file is read by Std:JsonGet only")
            self.path(name, members, at)
        else:
            self.fault(at, f"{path!r} leads nowhere")

    def seen(self, name, at, place):
        """A step in a branch is seen from inside the branch only."""
        other = self.steps[name][0]
        branch = re.match(r"(.*\.(?:IfSteps|ElseSteps))\[\d+\]\([^()]*\)$", other)
        if branch and not (place or "").startswith(branch.group(1)):
            self.fault(at, f"the step {name!r} may not have run: it is in a branch")

    def json_get(self, get, at, place):
        path = get.get("Path")
        if not isinstance(path, str) or not path:
            self.fault(at, "wants a literal `Path`")
        match = re.fullmatch(r"Steps\.([^.]+)\.PropertyFiles\.(.+)", get.get("PropertyFile", {}).get("Get", ""))
        if not match:
            return self.fault(at, "wants a property file")
        name, file = match.groups()
        if name not in self.steps:
            return self.fault(at, f"there is no step {name!r}")
        self.seen(name, at, place)
        files = [known.get("PropertyFileName") for known in self.steps[name][1].get("PropertyFiles", [])]
        if file not in files:
            self.fault(at, f"the step {name!r} has no property file {file!r}")

    def path(self, name, members, at):
        step = self.steps[name][1]
        kind = step["Type"]
        if kind in ("QualityCheck", "ClarifyCheck"):
            if members not in BASELINES:
                self.fault(at, f"a {kind} step has no {members!r}")
            return
        if kind not in STEPS:
            return self.fault(at, f"a {kind} step has no values")
        shapes = [MODEL.shape_for(STEPS[kind][2])]
        if kind == "Tuning":
            shapes.append(MODEL.shape_for("ListTrainingJobsForHyperParameterTuningJobResponse"))
        words = re.findall(r"\['[^']*'\]|\[\d+\]|[^.\[\]]+", members)
        if not words or not any(walk(shape, words) for shape in shapes):
            return self.fault(at, f"{members!r} is nothing that a {kind} step answers")
        output = re.match(r"ProcessingOutputConfig\.Outputs\['([^']*)'\]", members)
        if output:
            outputs = step["Arguments"].get("ProcessingOutputConfig", {}).get("Outputs", [])
            if output.group(1) not in [known.get("OutputName") for known in outputs]:
                self.fault(at, f"the step {name!r} has no output {output.group(1)!r}")

    # Requests.

    def request(self, place, kind, arguments):
        operation, name, _ = STEPS[kind]
        shape = MODEL.operation_model(operation).input_shape
        request = filled(arguments, shape)
        if name:
            if name in arguments:
                self.fault(f"{place}.{name}", "is given by Pipelines")
            request[name] = "a"
        report = ParamValidator().validate(request, shape)
        for error in report._errors:  # noqa: SLF001 (its text alone joins all of them)
            self.fault(place, f"{operation}: {message(report, error)}")
        self.patterns(request, shape, place)

    def patterns(self, value, shape, at):
        """What botocore leaves out: patterns, enumerations and the most that a member may be."""
        if shape.type_name == "structure" and isinstance(value, dict):
            for key, member in value.items():
                if key in shape.members:
                    self.patterns(member, shape.members[key], f"{at}.{key}")
        elif shape.type_name == "list" and isinstance(value, list):
            self.most(len(value), shape, at)
            for index, item in enumerate(value):
                self.patterns(item, shape.member, f"{at}[{index}]")
        elif shape.type_name == "map" and isinstance(value, dict):
            self.most(len(value), shape, at)
            for key, item in value.items():
                self.patterns(key, shape.key, f"{at}.{key}")
                self.patterns(item, shape.value, f"{at}.{key}")
        elif shape.type_name == "string" and isinstance(value, str) and value != DUMMY:
            self.most(len(value), shape, at)
            if shape.enum and value not in shape.enum:
                self.fault(at, f"{value!r} is none of {', '.join(shape.enum[:8])}…")
            pattern = shape.metadata.get("pattern")
            # Patterns are of another dialect; what Python cannot read is left out.
            if pattern and "\\p" not in pattern:
                try:
                    if not re.fullmatch(pattern, value):
                        self.fault(at, f"{value!r} does not match {pattern}")
                except re.error:
                    pass
        elif shape.type_name in ("integer", "long", "float", "double") and isinstance(value, (int, float)):
            self.most(value, shape, at)

    def most(self, size, shape, at):
        most = shape.metadata.get("max")
        if most is not None and size > most:
            self.fault(at, f"{size} is more than {most}")

    def circles(self):
        waits = {}
        for name, (_, step) in self.steps.items():
            text = json.dumps({key: value for key, value in step.items() if key != "Arguments"})
            arguments = dict(step.get("Arguments", {}))
            arguments.pop("IfSteps", None)
            arguments.pop("ElseSteps", None)
            used = re.findall(r'"Get": "Steps\.([^.\["]+)', text + json.dumps(arguments))
            waits[name] = set(used) | set(step.get("DependsOn", []))
        done = set()

        def visit(name, path):
            if name in path:
                return self.fault(name, "waits for itself: " + " -> ".join([*path[path.index(name) :], name]))
            if name not in done:
                for other in sorted(waits.get(name, ())):
                    visit(other, [*path, name])
                done.add(name)

        for name in waits:
            visit(name, [])


DUMMY = "s3://dummy/dummy"


def filled(value, shape):
    """The value with references replaced by something of the member's type."""
    if isinstance(value, dict):
        if len(value) == 1 and next(iter(value)) in ("Get", "Std:Join", "Std:JsonGet"):
            return dummy(shape)
        if shape.type_name == "structure":
            return {
                key: filled(member, shape.members[key]) if key in shape.members else member
                for key, member in value.items()
            }
        if shape.type_name == "map":
            return {key: filled(member, shape.value) for key, member in value.items()}
    if isinstance(value, list) and shape.type_name == "list":
        return [filled(item, shape.member) for item in value]
    return substituted(value) if isinstance(value, str) else value


def substituted(text):
    """What CloudFormation makes of the placeholders, for some account and region."""
    known = {"AWS::Region": "us-east-1", "AWS::AccountId": "111122223333", "AWS::Partition": "aws"}
    known["AWS::URLSuffix"] = "amazonaws.com"

    def value(match):
        name = match.group(1)
        if name.startswith("!"):
            return "${" + name[1:] + "}"
        if name.endswith(".Arn"):
            return f"arn:aws:iam::111122223333:role/{name[:-4]}"
        return known.get(name, name.lower())

    return re.sub(r"\$\{([^}]*)\}", value, text)


def dummy(shape):
    kind = shape.type_name
    if kind == "string":
        return shape.enum[0] if shape.enum else DUMMY
    if kind in ("integer", "long"):
        return shape.metadata.get("min", 1)
    if kind in ("float", "double"):
        return 1.0
    if kind == "boolean":
        return True
    if kind == "timestamp":
        return datetime.datetime(2020, 12, 1)
    return {} if kind in ("map", "structure") else []


def walk(shape, words):
    """Whether the words lead from the shape to a member that is one value."""
    for word in words:
        if word.startswith("["):
            if shape.type_name == "list":
                shape = shape.member
            elif shape.type_name == "map" and word.startswith("['"):
                shape = shape.value
            else:
                return False
        elif shape.type_name == "structure" and word in shape.members:
            shape = shape.members[word]
        else:
            return False
    return shape.type_name not in ("structure", "list", "map")


def message(report, error):
    kind, name, info = error
    return report._format_error((kind, name, info)).strip()  # noqa: SLF001


def main(arguments):
    if len(arguments) != 2:
        sys.exit(__doc__)
    with open(arguments[1], encoding="utf-8") as file:
        definition = json.load(file)
    checker = Checker(definition)
    for fault in checker.run():
        print(fault)
    if not checker.steps:
        print("there are no steps")
    print(f"{len(checker.steps)} steps, {len(checker.faults)} faults", file=sys.stderr)
    sys.exit(1 if checker.faults or not checker.steps else 0)


if __name__ == "__main__":
    main(sys.argv)
