"""Train the model: the entry point of the training job, in AWS's scikit-learn container.

Channel `train` has CSV files: a header, the column `minutes` and the features.
Every fifth row is kept back, and judges the model; the line

    mean_absolute_error: 2.71

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
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.feature_extraction import DictVectorizer
from sklearn.metrics import mean_absolute_error
from sklearn.pipeline import make_pipeline

LABEL = "minutes"


def parse_args() -> argparse.Namespace:
    """The hyperparameters."""
    parser = argparse.ArgumentParser(description="Train the regressor.")
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


def read(directory: Path) -> tuple[list[dict[str, float | str]], list[float]]:
    """The features of each row, without those that have no value, and the labels."""
    features, labels, refused = [], [], 0
    for path in sorted(directory.rglob("*.csv")):
        with path.open(newline="", encoding="utf-8-sig") as file:
            for row in csv.DictReader(file):
                try:
                    label = float(row.pop(LABEL, "") or "")
                except ValueError:
                    refused += 1
                    continue
                features.append({name: value(text) for name, text in row.items() if name and text})
                labels.append(label)
    print(f"{len(labels)} rows, {refused} refused for want of `{LABEL}`")
    if len(labels) < 20:
        sys.exit("too few rows to learn from")
    return features, labels


def main() -> None:
    """Train, judge, save."""
    args = parse_args()
    features, labels = read(Path(os.environ["SM_CHANNEL_TRAIN"]))
    model = make_pipeline(
        DictVectorizer(sparse=False),  # a text becomes a column for each of its values
        HistGradientBoostingRegressor(
            max_iter=args.iterations, learning_rate=args.learning_rate, random_state=args.seed
        ),
    )
    learned = [at for at in range(len(labels)) if at % 5]
    model.fit([features[at] for at in learned], [labels[at] for at in learned])
    error = mean_absolute_error(labels[::5], model.predict(features[::5]))
    print(f"mean_absolute_error: {error:.6f}", flush=True)
    target = Path(os.environ["SM_MODEL_DIR"])
    joblib.dump(model, target / "model.joblib")
    (target / "code").mkdir(exist_ok=True)
    shutil.copy(Path(__file__).with_name("inference.py"), target / "code")


if __name__ == "__main__":
    main()
