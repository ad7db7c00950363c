"""What the API asks of a property where CloudFormation's schema asks nothing.

`AWS::SageMaker::EndpointConfig` takes any text for an instance type; CreateEndpointConfig does not. Where a
resource type is made by one operation, its properties are the members of the same name, and so on inwards.
"""

import re

from makers.api import load
from makers.instances import JOBS

# Resource type → service model and the operation that makes it; of SageMaker, every CreateX makes an X.
OPERATIONS = {
    "AWS::ApplicationAutoScaling::ScalableTarget": ("application-autoscaling/2016-02-06", "RegisterScalableTarget"),
    "AWS::ApplicationAutoScaling::ScalingPolicy": ("application-autoscaling/2016-02-06", "PutScalingPolicy"),
    "AWS::CloudWatch::Alarm": ("cloudwatch/2010-08-01", "PutMetricAlarm"),
    "AWS::CloudWatch::CompositeAlarm": ("cloudwatch/2010-08-01", "PutCompositeAlarm"),
    "AWS::Events::EventBus": ("events/2015-10-07", "CreateEventBus"),
    "AWS::Events::Rule": ("events/2015-10-07", "PutRule"),
    "AWS::IAM::ManagedPolicy": ("iam/2010-05-08", "CreatePolicy"),
    "AWS::IAM::Role": ("iam/2010-05-08", "CreateRole"),
    "AWS::Lambda::Function": ("lambda/2015-03-31", "CreateFunction"),
    "AWS::Lambda::Permission": ("lambda/2015-03-31", "AddPermission"),
    "AWS::SSM::Parameter": ("ssm/2014-11-06", "PutParameter"),
    "AWS::Scheduler::Schedule": ("scheduler/2021-06-30", "CreateSchedule"),
    "AWS::Scheduler::ScheduleGroup": ("scheduler/2021-06-30", "CreateScheduleGroup"),
}
SAGEMAKER = "sagemaker/2017-07-24"
KINDS = {"string": "string", "integer": "integer", "long": "integer", "float": "number", "double": "number",
         "list": "array", "map": "object", "structure": "object"}  # fmt: skip
BOUNDS = {"string": "length", "integer": "range", "number": "range", "array": "count", "object": "size"}


class Overlay:
    """The API's shapes, laid over the rows of resource types."""

    def __init__(self, packages):
        self.packages = packages
        self.models = {}

    def model(self, name):
        return self.models.setdefault(name, load(self.packages, name))

    def lay(self, kind, row):
        """Adds to a row what the operation that makes the resource asks besides."""
        model, operation = OPERATIONS.get(kind, (SAGEMAKER, "Create" + kind.rpartition("::")[2]))
        if kind not in OPERATIONS and not kind.startswith("AWS::SageMaker::"):
            return
        if operation not in self.model(model)["operations"]:
            return
        top = self.model(model)["operations"][operation]["input"]["shape"]
        # A shape that the row shares may stand for several of the API's: all of them are found first.
        found = {}
        self.match(row, row["root"], self.model(model)["shapes"], top, found)
        for shape, names in found.values():
            self.add(shape, model.split("/")[0], names, self.model(model)["shapes"])

    def match(self, row, shape, shapes, name, found):
        """Walks a shape of the row and one of the API side by side."""
        if "ref" in shape:
            return self.match(row, row["shapes"][shape["ref"]], shapes, name, found)
        known = found.setdefault(id(shape), (shape, []))[1]
        if name in known or shape.get("type") != KINDS.get(shapes[name]["type"]):
            # `number` here and `integer` there is the same.
            if name in known or not {shape.get("type"), KINDS.get(shapes[name]["type"])} <= {"integer", "number"}:
                return None
        known.append(name)
        it = shapes[name]
        for member, ref in it.get("members", {}).items():
            if member in shape.get("props", {}):
                self.match(row, shape["props"][member], shapes, ref["shape"], found)
        if "member" in it and "item" in shape:
            self.match(row, shape["item"], shapes, it["member"]["shape"], found)
        if "value" in it:
            for _, sub in shape.get("patterns", []):
                self.match(row, sub, shapes, it["value"]["shape"], found)
        return None

    def add(self, shape, service, names, shapes):
        """Adds the facts that all of the API's shapes agree on, and the shape itself is silent about."""
        facts = [asked(shapes[name], shape.get("type")) for name in names]
        if not facts or any(fact != facts[0] for fact in facts):
            return
        fresh = {key: value for key, value in facts[0].items() if key not in shape}
        # What is not of the whole text says little: the API's pattern always is.
        if "pattern" in facts[0] and not re.fullmatch(r"\^.*\$", shape.get("pattern", "")):
            fresh["pattern"] = facts[0]["pattern"]
        instances = next((name for name in names if name in JOBS.values() and service == "sagemaker"), None)
        if instances:
            # Of instance types there is a table, newer than what CloudFormation's schemas list.
            fresh.pop("enum", None)
            shape.pop("enum", None)
        if fresh or instances:
            shape |= fresh | {"api": f"{service}:{instances or names[0]}"}


def asked(shape, kind):
    """The facts of a shape of the API, in the table's form."""
    facts = {}
    least, most = shape.get("min"), shape.get("max")
    bounds = BOUNDS.get(kind)
    if bounds != "range" and least == 0:
        least = None
    if bounds and shape["type"] != "structure" and (least is not None or most is not None):
        facts[bounds] = [least, most]
    if "enum" in shape:
        facts = {"enum": shape["enum"]}
    # Patterns that any text matches are left out, also where they are of all that UTF-16 can write.
    if "pattern" in shape and shape["pattern"] not in (".*", r"[\s\S]*", r"[\S\s]*") and r"\uD800" not in shape["pattern"]:
        # Of the API, a pattern is one of the whole text.
        facts["pattern"] = f"^(?:{shape['pattern']})$"
    return facts
