"""Train the model: the entry point of the training job, in AWS's scikit-learn container.

Channel `train` has CSV files: a header, the column `repaid` (0 or 1) and the
features. Every fifth row is kept back, and judges the model; the line

    roc_auc: 0.81

is what the stack file's metric looks for. Leaves in SM_MODEL_DIR the model and
the code that answers requests.
"""

from __future__ import annotations

import argparse
import csv
import os
import shutil
import sys
from pathlib import Path

import joblib
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_extraction import DictVectorizer
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline

LABEL = "repaid"


def parse_args() -> argparse.Namespace:
    """The hyperparameters."""
    parser = argparse.ArgumentParser(description="Train the classifier.")
    parser.add_argument("--iterations", type=int, default=200)
    parser.add_argument("--learning_rate", type=float, default=0.1)
    parser.add_argument("--seed", type=int, default=20240501)
    args, others = parser.parse_known_args()
    if others:
        print(f"not used: {others}", file=sys.stderr)
    return args


def value(text: str) -> float | str:
    """A field: a number where it is one, else a text."""
    try:
        return float(text)
    except ValueError:
        return text.strip()


def read(directory: Path) -> tuple[list[dict[str, float | str]], list[int]]:
    """The features of each row, without those that have no value, and the labels."""
    features, labels, refused = [], [], 0
    for path in sorted(directory.rglob("*.csv")):
        with path.open(newline="", encoding="utf-8-sig") as file:
            for row in csv.DictReader(file):
                label = (row.pop(LABEL, "") or "").strip()
                if label in ("0", "1"):
                    features.append({name: value(it) for name, it in row.items() if name and it})
                    labels.append(int(label))
                else:
                    refused += 1
    print(f"{len(labels)} rows, {refused} refused: `{LABEL}` is neither 0 nor 1")
    if len(set(labels[::5])) < 2 or len(set(labels)) < 2:
        sys.exit("too few rows of each kind to learn from")
    return features, labels


def main() -> None:
    """Train, judge, save."""
    args = parse_args()
    features, labels = read(Path(os.environ["SM_CHANNEL_TRAIN"]))
    model = make_pipeline(
        DictVectorizer(sparse=False),  # a text becomes a column for each of its values
        HistGradientBoostingClassifier(
            max_iter=args.iterations,
            learning_rate=args.learning_rate,
            early_stopping=True,
            random_state=args.seed,
        ),
    )
    learned = [at for at in range(len(labels)) if at % 5]
    model.fit([features[at] for at in learned], [labels[at] for at in learned])
    reached = roc_auc_score(labels[::5], model.predict_proba(features[::5])[:, 1])
    print(f"roc_auc: {reached:.6f}", flush=True)
    target = Path(os.environ["SM_MODEL_DIR"])
    joblib.dump(model, target / "model.joblib")
    (target / "code").mkdir(exist_ok=True)
    shutil.copy(Path(__file__).with_name("inference.py"), target / "code")


if __name__ == "__main__":
    main()
