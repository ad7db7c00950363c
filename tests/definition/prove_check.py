#!/usr/bin/env python3
"""Proves that check_definition.py finds what is wrong: breaks a sound definition in many ways.

    prove_check.py FILE

FILE is the definition of the reference workload. Exits with 1 when a broken one is taken for sound.
"""

import copy
import json
import sys

from check_definition import Checker


def step(definition, name):
    def search(steps):
        for one in steps:
            if one["Name"] == name:
                return one
            arguments = one["Arguments"]
            found = search(arguments.get("IfSteps", []) + arguments.get("ElseSteps", []))
            if found:
                return found
        return None

    return search(definition["Steps"])


def text(old, new):
    """Replaces text anywhere."""

    def change(definition):
        before = json.dumps(definition)
        after = before.replace(old, new)
        assert before != after, f"{old} is not in the definition"
        definition.clear()
        definition.update(json.loads(after))

    return change


def member(name, *path):
    """Sets (or, for `None`, removes) a member of a step: the last of `path` is the value."""
    *keys, last, value = path

    def change(definition):
        at = step(definition, name)
        for key in keys:
            at = at[key]
        if value is None:
            del at[last]
        else:
            at[last] = value

    return change


def move_out(definition):
    definition["Steps"].append({
        "Name": "late", "Type": "Fail", "DependsOn": [],
        "Arguments": {"ErrorMessage": {"Get": "Steps.register-deep-learning-models.ModelPackageArn"}},
    })  # fmt: skip


def circle(definition):
    step(definition, "preprocess")["DependsOn"] = ["evaluate"]


BROKEN = {
    "an unknown member of a request": member("preprocess", "Arguments", "Surprise", 1),
    "a missing member of a request": member("preprocess", "Arguments", "ProcessingResources", None),
    "a name that Pipelines gives": member("preprocess", "Arguments", "ProcessingJobName", "x"),
    "a number as text": member("search", "Arguments", "HyperParameterTuningJobConfig", "ResourceLimits",
                               "MaxParallelTrainingJobs", "5"),
    "a hyperparameter that is no text": member("search", "Arguments", "TrainingJobDefinition",
                                               "StaticHyperParameters", "epochs", 100),
    "a resource config in a tuning job of another name": text("HyperParameterTuningResourceConfig", "Resources"),
    "an enumeration": text("EndOfJob", "AtTheEnd"),
    "an instance type": text("ml.p3.2xlarge", "ml.p33.2xlarge"),
    "an unknown step": text("Steps.preprocess.", "Steps.preprocesss."),
    "an unknown output": text("Outputs['test']", "Outputs['tset']"),
    "an unknown member of an answer": text("TrainingJobSummaries[0].TrainingJobName", "TrainingJobSummaries[0].Name"),
    "an answer that is a structure": text("TrainingJobSummaries[0].TrainingJobName", "TrainingJobSummaries[0]"),
    "an unknown parameter": text("Parameters.accuracy_threshold", "Parameters.threshold"),
    "an unknown variable": text("Execution.PipelineExecutionId", "Execution.Id"),
    "an unknown property file": text("PropertyFiles.metrics", "PropertyFiles.metric"),
    "a property file of no output": member("evaluate", "PropertyFiles", 0, "OutputName", "nothing"),
    "an unknown comparison": text("GreaterThanOrEqualTo", "AtLeast"),
    "a duration": text("P30D", "30d"),
    "a name twice": text("fail-accuracy-gate", "search"),
    "an unknown type of step": text('"Type": "Fail"', '"Type": "Failure"'),
    "an unknown member of a step": member("evaluate", "Retries", []),
    "a reference into a branch": move_out,
    "a circle": circle,
    "a default of another type": text("0.85", '"0.85"'),
}  # fmt: skip


def main(path):
    with open(path, encoding="utf-8") as file:
        sound = json.load(file)
    faults = Checker(copy.deepcopy(sound)).run()
    missed = [f"the sound definition: {fault}" for fault in faults]
    for what, change in BROKEN.items():
        broken = copy.deepcopy(sound)
        change(broken)
        faults = Checker(broken).run()
        if not faults:
            missed.append(f"not found: {what}")
    for line in missed:
        print(line)
    print(f"{len(BROKEN) - len(missed)} of {len(BROKEN)} found", file=sys.stderr)
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main(sys.argv[1])
