"""Judge a model by the test set.

Unpacks <base>/model/model.tar.gz, classifies the messages of <base>/test, and
writes <base>/evaluation/evaluation.json in the form of SageMaker's model-quality
metrics for several classes, which the pipeline's condition and the registry read.

The base is /opt/ml/processing; SMSTACK_BASE_DIR stands for /opt/ml.
"""

from __future__ import annotations

import csv
import json
import os
import tarfile
import tempfile
from pathlib import Path

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

BASE = Path(os.environ.get("SMSTACK_BASE_DIR", "/opt/ml")) / "processing"
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


def unpack(archive: Path, directory: Path) -> None:
    """The files at the top of an archive; nothing else belongs to the model."""
    with tarfile.open(archive) as tar:
        for member in tar.getmembers():
            name = member.name[2:] if member.name.startswith("./") else member.name
            file = tar.extractfile(member) if member.isfile() and "/" not in name else None
            if file is not None:
                (directory / name).write_bytes(file.read())


def read(directory: Path) -> tuple[list[str], list[str]]:
    """The texts and their labels."""
    rows = []
    for path in sorted(directory.rglob("*.csv")):
        with path.open(newline="", encoding="utf-8") as file:
            rows += list(csv.DictReader(file))
    return [row["text"] for row in rows], [row["label"] for row in rows]


def classify(directory: Path, texts: list[str]) -> list[str]:
    """What the model calls each text."""
    tokenizer = AutoTokenizer.from_pretrained(directory)
    model = AutoModelForSequenceClassification.from_pretrained(directory).to(DEVICE).eval()
    answers: list[str] = []
    with torch.no_grad():
        for start in range(0, len(texts), 64):
            batch = tokenizer(
                texts[start : start + 64], padding=True, truncation=True, return_tensors="pt"
            ).to(DEVICE)
            best = model(**batch).logits.argmax(dim=1).tolist()
            answers += [model.config.id2label[label] for label in best]
    return answers


def metric(value: float) -> dict[str, object]:
    """A share in 0..1, as model quality writes it."""
    return {"value": float(value), "standard_deviation": "NaN"}


def main() -> None:
    """Classify, count, write."""
    texts, truth = read(BASE / "test")
    with tempfile.TemporaryDirectory() as directory:
        unpack(BASE / "model" / "model.tar.gz", Path(directory))
        answers = classify(Path(directory), texts)
    labels = sorted(set(truth) | set(answers))
    pairs = list(zip(truth, answers))
    matrix = {row: {column: pairs.count((row, column)) for column in labels} for row in labels}
    right = {label: matrix[label][label] for label in labels}
    f1 = [2 * right[it] / max(1, truth.count(it) + answers.count(it)) for it in labels]
    quality = {
        "accuracy": metric(sum(right.values()) / len(pairs)),
        "accuracy_best_constant_classifier": metric(max(map(truth.count, labels)) / len(pairs)),
        "macro_f1": metric(sum(f1) / len(labels)),
        "confusion_matrix": matrix,
    }
    path = BASE / "evaluation" / "evaluation.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"multiclass_classification_metrics": quality}, indent=2) + "\n")
    print(path.read_text())


if __name__ == "__main__":
    main()
