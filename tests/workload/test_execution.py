"""The reference workload whole: its definition executed by `smstack run --local`, on real data."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from test_model import GATE
from test_preprocessing import read

import dataset
from contract import CODE, Service

ROOT = CODE.parents[1]
EPOCHS, TRIALS = 12, 2
# An environment of its own says what differs from production: how long a training job learns.
CI = (
    "  ci: { region: us-east-1, overrides:"
    f" {{ training: {{ classifier: {{ hyperparameters: {{ epochs: {EPOCHS} }} }} }} }} }}\n"
)
STEPS = {
    "preprocess": "Succeeded",
    "drift-baseline": "Skipped",  # Model Monitor's own container
    "search": "Succeeded",
    "evaluate": "Succeeded",
    "accuracy-gate": "Succeeded",
}
PASSED = {"register-deep-learning-models": "Succeeded", "fail-accuracy-gate": "NotTaken"}
REFUSED = {"register-deep-learning-models": "NotTaken", "fail-accuracy-gate": "Failed"}


class Execution(NamedTuple):
    """An execution: its exit code, what it told programs, and what it told people."""

    code: int
    told: dict[str, Any]
    said: str

    def steps(self) -> dict[str, str]:
        """How each step ended."""
        return {step["name"]: step["status"] for step in self.told["steps"]}

    def step(self, name: str) -> dict[str, Any]:
        """One step."""
        return next(step for step in self.told["steps"] if step["name"] == name)

    def quality(self) -> dict[str, Any]:
        """What the evaluation found."""
        return self.told["reports"]["evaluate/metrics"]["multiclass_classification_metrics"]


class Project(NamedTuple):
    """A copy of the reference workload with data."""

    directory: Path

    def run(self, *args: str) -> Execution:
        """Execute the definition."""
        target = os.environ.get("CARGO_TARGET_DIR", str(ROOT / "target"))
        smstack = Path(target) / "debug" / "smstack"
        assert smstack.exists(), "run `cargo build` first"
        command = [str(smstack), "run", "--local", "stacks/deep-learning.yaml", "--env", "ci"]
        command += ["--data", "training-data=rows", "--python", sys.executable]
        done = subprocess.run(
            [*command, "--format", "json", *args],
            cwd=self.directory,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stdout, done.stderr
        return Execution(done.returncode, json.loads(done.stdout), done.stderr)

    def registered(self) -> list[Path]:
        """The versions in the registry."""
        home = self.directory / "smstack.run" / "deep-learning" / "ci" / "registry"
        return sorted(home.glob("*/*"))


def project(directory: Path, features: np.ndarray, classes: np.ndarray) -> Project:
    """The stack file and its code, with an environment whose training jobs are short."""
    shutil.copytree(ROOT / "stacks", directory / "stacks")
    file = directory / "stacks" / "deep-learning.yaml"
    before, after = file.read_text().split("  prod:\n", 1)
    file.write_text(f"{before}{CI}  prod:\n{after}")
    dataset.write(directory / "rows", features, classes)
    return Project(directory)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The workload with data that something can be learned from."""
    return project(tmp_path_factory.mktemp("whole"), *dataset.generate())


@pytest.fixture(scope="module")
def executed(whole: Project) -> Execution:
    """Its first execution."""
    return whole.run("--max-jobs", str(TRIALS))


def test_a_model_better_than_the_baselines_is_registered(executed: Execution) -> None:
    assert executed.code == 0, executed.said
    assert executed.steps() == {**STEPS, **PASSED}, executed.said
    sets = read(Path(executed.step("preprocess")["outputs"]["test"]).parent)
    train, test = sets["train"], sets["test"]
    majority = np.bincount(test[:, 0].astype(int)).max() / len(test)
    straight = LogisticRegression(max_iter=500).fit(train[:, 1:], train[:, 0])
    lines = straight.score(test[:, 1:], test[:, 0])
    accuracy = executed.quality()["accuracy"]["value"]
    print(f"accuracy {accuracy:.3f}, logistic regression {lines:.3f}, majority {majority:.3f}")
    assert accuracy >= GATE > majority
    assert accuracy > lines + 0.02
    (model,) = executed.told["registered"]
    assert (model["group"], model["version"]) == ("deep-learning-models-ci", 1)
    assert model["approval"] == "PendingManualApproval"


def test_trials_curves_and_the_confusion_matrix_are_reported(executed: Execution) -> None:
    jobs = executed.step("search")["jobs"]
    assert [job["succeeded"] for job in jobs] == [True] * TRIALS
    # The best first, and only it is the best.
    assert [job["best"] for job in jobs] == [True] + [False] * (TRIALS - 1)
    assert jobs[0]["objective"] == max(job["objective"] for job in jobs)
    ranges = {"batch_size", "dropout_rate", "hidden_units", "learning_rate"}
    for job in jobs:
        assert set(job["hyperparameters"]) == ranges
        assert [len(curve) for curve in job["metrics"].values()] == [EPOCHS] * 2
        assert job["metrics"]["val:accuracy"][-1] == job["objective"]
    matrix = executed.quality()["confusion_matrix"]
    assert [list(row) for row in matrix.values()] == [list(matrix)] * dataset.CLASSES
    right = sum(row[name] for name, row in matrix.items())
    rows = sum(sum(row.values()) for row in matrix.values())
    assert executed.quality()["accuracy"]["value"] == pytest.approx(right / rows)

    directory = Path(executed.told["directory"])
    assert json.loads((directory / "run.json").read_text()) == executed.told
    page = (directory / "report.html").read_text()
    assert page.count("<polyline") == 2 * TRIALS
    assert page.count('class="right"') == dataset.CLASSES
    assert page.count('class="wrong"') == dataset.CLASSES * (dataset.CLASSES - 1)
    for part in ("Tuning: search", "(best)", "Confusion matrix", "Registered"):
        assert part in page


def test_the_registered_archive_answers_requests(executed: Execution, tmp_path: Path) -> None:
    version = Path(executed.told["registered"][0]["directory"])
    package = json.loads((version / "model-package.json").read_text())
    archive = version / "model.tar.gz"
    hashed = hashlib.sha256(archive.read_bytes()).hexdigest()
    assert list(package["made_of"]["datasets"][0]) == ["name", "uri", "directory", "sha256"]
    assert len(package["made_of"]["labels"]["definition_sha256"]) == 64
    with tarfile.open(archive) as tar:
        tar.extractall(tmp_path, filter="data")
    trained = Path(executed.step("search")["outputs"]["best_model"])
    assert hashed == hashlib.sha256(trained.read_bytes()).hexdigest()

    service = Service(tmp_path)
    features, classes = dataset.generate()
    rows = [[None if np.isnan(value) else value for value in row] for row in features.tolist()]
    answer = service.invoke(json.dumps({"instances": rows}))
    assert answer.status == "200 OK", answer.body
    right = classes == [int(one["class"]) for one in answer.json()["predictions"]]
    assert right.mean() >= GATE
    answer = service.invoke('{"instances": [[1, 2]]}')
    assert answer.status == "400 Bad Request"
    assert answer.json() == {"error": "instances[0]: 2 values; the model takes 20"}


def test_what_does_not_pass_the_gate_is_not_registered(whole: Project, executed: Execution) -> None:
    assert executed.code == 0
    again = whole.run("--max-jobs", str(TRIALS), "--param", "accuracy_threshold=0.999")
    assert again.code == 6, again.said
    assert again.steps() == {**STEPS, **REFUSED}
    assert again.told["failed_step"] == "fail-accuracy-gate"
    assert "accuracy below 0.999" in again.said
    # Nothing that the gate depends on has changed: the results of the first are used again.
    of = {name: again.step(name)["cached_from"] for name in ("preprocess", "search", "evaluate")}
    assert of == dict.fromkeys(of, executed.told["execution"])
    assert again.told["registered"] == []
    assert [version.name for version in whole.registered()] == ["1"]


def test_of_shuffled_labels_nothing_is_registered(tmp_path: Path) -> None:
    features, classes = dataset.generate()
    shuffled = project(tmp_path, features, np.random.default_rng(3).permutation(classes))
    execution = shuffled.run("--max-jobs", "1")
    assert execution.code == 6, execution.said
    assert execution.steps() == {**STEPS, **REFUSED}
    assert "accuracy below 0.85" in execution.said
    assert execution.quality()["accuracy"]["value"] < GATE / 2
    assert execution.told["registered"] == [] == shuffled.registered()
