"""Judge a model by the test set.

Unpacks <base>/model/model.tar.gz, hears the recordings of <base>/test, and
writes <base>/evaluation/evaluation.json in the form of SageMaker's model-quality
metrics for several classes, which the pipeline's condition and the registry read.

The base is /opt/ml/processing; SMSTACK_BASE_DIR stands for /opt/ml.
"""

from __future__ import annotations

import io
import json
import os
import sys
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

BASE = Path(os.environ.get("SMSTACK_BASE_DIR", "/opt/ml")) / "processing"


def load(archive: Path) -> tuple[Any, dict[str, Any]]:
    """The model in an archive, and what was measured for it."""
    with tarfile.open(archive) as tar:
        parts = []
        for name in ("model.pt", "about.json"):
            file = tar.extractfile(name)
            if file is None:
                sys.exit(f"{archive}: no {name}")
            parts.append(file.read())
    return torch.jit.load(io.BytesIO(parts[0]), map_location="cpu").eval(), json.loads(parts[1])


def metric(value: float) -> dict[str, object]:
    """A share in 0..1, as model quality writes it."""
    return {"value": float(value), "standard_deviation": "NaN"}


def main() -> None:
    """Predict, count, write."""
    model, about = load(BASE / "model" / "model.tar.gz")
    paths = sorted((BASE / "test").rglob("*.csv"))
    table = np.concatenate([np.loadtxt(path, delimiter=",", ndmin=2) for path in paths])
    actual = table[:, 0].astype(int)
    with torch.no_grad():
        answers = model(torch.tensor(table[:, 1:], dtype=torch.float32)).argmax(dim=1).numpy()
    count = len(about["labels"])
    matrix = np.bincount(actual * count + answers, minlength=count**2).reshape(count, count)
    right, of_class, of_answer = np.diag(matrix), matrix.sum(axis=1), matrix.sum(axis=0)
    recall, precision = right / np.maximum(of_class, 1), right / np.maximum(of_answer, 1)
    f1 = 2 * right / np.maximum(of_class + of_answer, 1)
    quality: dict[str, object] = {
        "accuracy": metric(right.sum() / matrix.sum()),
        "accuracy_best_constant_classifier": metric(of_class.max() / matrix.sum()),
        "macro_recall": metric(recall.mean()),
        "macro_precision": metric(precision.mean()),
        "macro_f1": metric(f1.mean()),
        "confusion_matrix": {
            label: dict(zip(about["labels"], row))
            for label, row in zip(about["labels"], matrix.tolist())
        },
    }
    path = BASE / "evaluation" / "evaluation.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"multiclass_classification_metrics": quality}, indent=2) + "\n")
    print(path.read_text())


if __name__ == "__main__":
    main()
