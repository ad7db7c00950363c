"""Evaluate a trained model on the test set.

Unpacks <base>/model/model.tar.gz, predicts the rows of <base>/test, and writes
<base>/evaluation/evaluation.json in the form of SageMaker's model-quality
metrics for multiclass classification. The base directory is
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


def class_names(saved: Path, count: int) -> list[str]:
    """The classes (C) as the raw data names them.

    By index if the model did not bring its transform.
    """
    transform = saved / "assets.extra" / "transform.json"
    names = (
        json.loads(transform.read_text(encoding="utf-8"))["classes"] if transform.exists() else []
    )
    return names if len(names) == count else [str(at) for at in range(count)]


def confusion(actual: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Rows by actual (first axis) and predicted (second axis) class: (C, C) counts."""
    return np.bincount(actual * classes + predicted, minlength=classes**2).reshape(
        classes, classes
    )


def metrics(matrix: np.ndarray, names: list[str]) -> dict[str, object]:
    """What model quality reports: shares in 0..1; a single test set has no deviation."""
    right, actual, predicted = np.diag(matrix), matrix.sum(axis=1), matrix.sum(axis=0)
    recall = right / np.maximum(actual, 1)
    precision = right / np.maximum(predicted, 1)
    f1 = 2 * right / np.maximum(actual + predicted, 1)
    weights = actual / actual.sum()

    def metric(value: float) -> dict[str, object]:
        return {"value": float(value), "standard_deviation": "NaN"}

    counts = {name: dict(zip(names, row)) for name, row in zip(names, matrix.tolist())}
    return {
        "multiclass_classification_metrics": {
            "confusion_matrix": counts,
            "accuracy": metric(right.sum() / matrix.sum()),
            "weighted_recall": metric((weights * recall).sum()),
            "weighted_precision": metric((weights * precision).sum()),
            "weighted_f1": metric((weights * f1).sum()),
        }
    }


def main() -> None:
    """Unpack, predict, count, write."""
    features, actual = read(BASE / "test")
    with tempfile.TemporaryDirectory() as directory:
        saved = unpack(BASE / "model" / "model.tar.gz", Path(directory))
        model = tf.keras.models.load_model(saved, compile=False)
        probabilities = model.predict(features, batch_size=1024, verbose=0)
        classes = max(probabilities.shape[1], int(actual.max()) + 1)
        names = class_names(saved, classes)
    result = metrics(confusion(actual, probabilities.argmax(axis=1), classes), names)
    path = BASE / "evaluation" / "evaluation.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
