"""Evaluate a trained model on the test set.

Unpacks <base>/model/model.tar.gz, predicts the rows of <base>/test, and writes
<base>/evaluation/evaluation.json in the form of SageMaker's model-quality
metrics for multiclass classification. To what that form has are added macro
F1, ROC AUC, figures per class, and how far probabilities can be believed
(`calibration`). The base directory is
/opt/ml/processing; for a dry run elsewhere set SMSTACK_BASE_DIR in place of
/opt/ml. Needs numpy and tensorflow only.
"""

from __future__ import annotations

import csv
import json
import os
import sys
import tarfile
import tempfile
from pathlib import Path

import numpy as np
import tensorflow as tf

BASE = Path(os.environ.get("SMSTACK_BASE_DIR", "/opt/ml")) / "processing"
BINS = 10


def unpack(archive: Path, directory: Path) -> Path:
    """Unpack plain files and directories that stay inside, and find the SavedModel among them."""
    inside = directory.resolve()
    with tarfile.open(archive) as tar:
        for member in tar.getmembers():
            at = (inside / member.name).resolve()
            if not (member.isfile() or member.isdir()) or not at.is_relative_to(inside):
                sys.exit(f"{archive}: refused to unpack {member.name}")
            tar.extract(member, inside)
    found = sorted(inside.rglob("saved_model.pb"))
    if not found:
        sys.exit(f"{archive}: no SavedModel")
    return found[-1].parent


def read(directory: Path) -> tuple[np.ndarray, np.ndarray]:
    """The test set's features (N, F) and class indices (N). The label is the first column."""
    rows: list[list[str]] = []
    for path in sorted(directory.rglob("*.csv")):
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.reader(file)
            next(reader, None)
            rows += [row for row in reader if row]
    if not rows:
        sys.exit(f"{directory}: no test rows")
    table = np.array(rows, dtype=np.float32)
    return table[:, 1:], table[:, 0].astype(np.int64)


def class_names(archive: Path, count: int) -> list[str]:
    """The classes (C) as the raw data names them, from the transform that the model brought."""
    transform = archive / "code" / "transform.json"
    names: list[str] = json.loads(transform.read_text(encoding="utf-8"))["classes"]
    if len(names) != count:
        sys.exit(f"the model knows {len(names)} classes and answers {count} probabilities")
    return names


def predict(saved: Path, features: np.ndarray) -> np.ndarray:
    """Probabilities (N, C) of standardised features (N, F)."""
    model = tf.saved_model.load(str(saved))
    answer = model.signatures["standardised"]
    parts = [
        answer(features=tf.constant(features[start : start + 4096]))["probabilities"].numpy()
        for start in range(0, len(features), 4096)
    ]
    return np.concatenate(parts).astype(np.float64)


def confusion(actual: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Rows by actual (first axis) and predicted (second axis) class: (C, C) counts."""
    return np.bincount(actual * classes + predicted, minlength=classes**2).reshape(classes, classes)


def metric(value: float) -> dict[str, object]:
    """A share in 0..1, as model quality writes it; a single test set has no deviation."""
    return {"value": float(value), "standard_deviation": "NaN"}


def by_class(matrix: np.ndarray) -> dict[str, np.ndarray]:
    """Recall, precision and the F scores of each class (C each) from counts (C, C)."""
    right, actual, predicted = np.diag(matrix), matrix.sum(axis=1), matrix.sum(axis=0)
    scores = {
        "recall": right / np.maximum(actual, 1),
        "precision": right / np.maximum(predicted, 1),
    }
    for name, beta in (("f0_5", 0.5), ("f1", 1.0), ("f2", 2.0)):
        weighed = beta**2 * actual + predicted
        scores[name] = (1 + beta**2) * right / np.maximum(weighed, 1)
    return scores


def ranks(values: np.ndarray) -> np.ndarray:
    """The rank (N, from 1) of each value; equal values share the mean of theirs."""
    _, which, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = counts.cumsum()
    return ((last - counts + 1 + last) / 2)[which.reshape(-1)]


def auc(actual: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Area under the ROC curve of each class against the rest (C); NaN without a row of both."""
    areas = np.full(probabilities.shape[1], np.nan)
    for which in range(len(areas)):
        positive = actual == which
        count = int(positive.sum())
        if 0 < count < len(actual):
            above = ranks(probabilities[:, which])[positive].sum() - count * (count + 1) / 2
            areas[which] = above / count / (len(actual) - count)
    return areas


def metrics(actual: np.ndarray, probabilities: np.ndarray, names: list[str]) -> dict[str, object]:
    """What model quality reports of class indices (N) and probabilities (N, C), and more."""
    matrix = confusion(actual, probabilities.argmax(axis=1), len(names))
    # What always answering the most frequent class would have reached.
    constant = confusion(actual, np.full(len(actual), matrix.sum(axis=1).argmax()), len(names))
    present = matrix.sum(axis=1) > 0
    weights = matrix.sum(axis=1) / matrix.sum()
    scores, areas = by_class(matrix), auc(actual, probabilities)
    quality: dict[str, object] = {
        "confusion_matrix": {
            name: dict(zip(names, row)) for name, row in zip(names, matrix.tolist())
        },
        "accuracy": metric(np.diag(matrix).sum() / matrix.sum()),
        "accuracy_best_constant_classifier": metric(np.diag(constant).sum() / matrix.sum()),
    }
    worst = by_class(constant)
    for name, score in scores.items():
        quality[f"weighted_{name}"] = metric((weights * score).sum())
        quality[f"weighted_{name}_best_constant_classifier"] = metric((weights * worst[name]).sum())
    for name in ("recall", "precision", "f1"):
        quality[f"macro_{name}"] = metric(scores[name][present].mean())
    if not np.isnan(areas).all():
        quality["macro_roc_auc"] = metric(np.nanmean(areas))
    quality["per_class"] = {
        name: {
            "rows": int(matrix[at].sum()),
            **{score: metric(values[at]) for score, values in scores.items()},
            **({} if np.isnan(areas[at]) else {"roc_auc": metric(areas[at])}),
        }
        for at, name in enumerate(names)
    }
    return {"multiclass_classification_metrics": quality}


def calibration(actual: np.ndarray, probabilities: np.ndarray) -> dict[str, object]:
    """How far probabilities (N, C) can be believed, against class indices (N).

    The expected calibration error is the mean distance between the
    probability of the answer and how often it was right, over BINS equal bins.
    """
    most = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == actual
    bins = np.minimum((most * BINS).astype(int), BINS - 1)
    reliability = []
    for which in np.unique(bins).tolist():
        rows = bins == which
        reliability.append(
            {
                "from": which / BINS,
                "to": (which + 1) / BINS,
                "rows": int(rows.sum()),
                "mean_probability": float(most[rows].mean()),
                "accuracy": float(right[rows].mean()),
            }
        )
    gaps = [one["rows"] * abs(one["mean_probability"] - one["accuracy"]) for one in reliability]
    given = probabilities[np.arange(len(actual)), actual]
    brier = (probabilities**2).sum(axis=1) - 2 * given + 1
    return {
        "expected_calibration_error": metric(sum(gaps) / len(actual)),
        "log_loss": metric(-np.log(np.maximum(given, 1e-15)).mean()),
        "brier_score": metric(brier.mean()),
        "reliability": reliability,
    }


def main() -> None:
    """Unpack, predict, count, write."""
    features, actual = read(BASE / "test")
    with tempfile.TemporaryDirectory() as directory:
        saved = unpack(BASE / "model" / "model.tar.gz", Path(directory))
        probabilities = predict(saved, features)
        names = class_names(saved.parent, probabilities.shape[1])
    if not 0 <= actual.min() <= actual.max() < len(names):
        sys.exit(f"the test set has classes beyond the model's {len(names)}")
    if not np.isfinite(probabilities).all():
        sys.exit("the model answered what is no probability")
    result = metrics(actual, probabilities, names)
    result["calibration"] = calibration(actual, probabilities)
    path = BASE / "evaluation" / "evaluation.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
