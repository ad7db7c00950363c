"""Judge a model by the test set.

Unpacks <base>/model/model.tar.gz, predicts the rows of <base>/test, and writes
<base>/evaluation/evaluation.json in the form of SageMaker's model-quality
metrics for two classes, which the pipeline's condition and the registry read.

The base is /opt/ml/processing; SMSTACK_BASE_DIR stands for /opt/ml.
"""

from __future__ import annotations

import json
import os
import sys
import tarfile
import tempfile
from pathlib import Path

import numpy as np
import xgboost

BASE = Path(os.environ.get("SMSTACK_BASE_DIR", "/opt/ml")) / "processing"


def load(archive: Path) -> xgboost.Booster:
    """The model in an archive."""
    with tempfile.TemporaryDirectory() as directory:
        with tarfile.open(archive) as tar:
            file = tar.extractfile("model.json")
            if file is None:
                sys.exit(f"{archive}: no model")
            path = Path(directory) / "model.json"
            path.write_bytes(file.read())
        model = xgboost.Booster()
        model.load_model(str(path))
    return model


def read(directory: Path) -> tuple[np.ndarray, np.ndarray]:
    """The features (N, F), missing ones NaN, and the labels (N)."""
    paths = sorted(directory.rglob("*.csv"))
    table = np.concatenate([np.genfromtxt(path, delimiter=",", ndmin=2) for path in paths])
    return table[:, 1:], table[:, 0]


def auc(labels: np.ndarray, scores: np.ndarray) -> float:
    """The area under the ROC curve: how often a positive row is above a negative one."""
    _, which, counts = np.unique(scores, return_inverse=True, return_counts=True)
    last = counts.cumsum()
    ranks = ((last - counts + 1 + last) / 2)[which.reshape(-1)]
    positive = labels == 1
    count = positive.sum()
    return (ranks[positive].sum() - count * (count + 1) / 2) / count / (len(labels) - count)


def main() -> None:
    """Predict, count, write."""
    model = load(BASE / "model" / "model.tar.gz")
    features, labels = read(BASE / "test")
    if not 0 < labels.sum() < len(labels):
        sys.exit("the test set has rows of one class only")
    scores = model.predict(xgboost.DMatrix(features))
    guess, truth = scores >= 0.5, labels == 1
    right = int((guess & truth).sum())
    values = {
        "auc": auc(labels, scores),
        "accuracy": (guess == truth).mean(),
        "accuracy_best_constant_classifier": max(truth.mean(), 1 - truth.mean()),
        "precision": right / max(1, int(guess.sum())),
        "recall": right / int(truth.sum()),
    }
    report: dict[str, object] = {
        name: {"value": float(value), "standard_deviation": "NaN"} for name, value in values.items()
    }
    wrong = [int((truth != guess)[truth == side].sum()) for side in (False, True)]
    report["confusion_matrix"] = {
        "0": {"0": int((~truth).sum()) - wrong[0], "1": wrong[0]},
        "1": {"0": wrong[1], "1": right},
    }
    path = BASE / "evaluation" / "evaluation.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"binary_classification_metrics": report}, indent=2) + "\n")
    print(path.read_text())


if __name__ == "__main__":
    main()
