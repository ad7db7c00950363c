"""A data set as bad as real ones: nulls, outliers, imbalance, wrong types."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

CLASSES = 10
FEATURES = [f"feature_{at:02}" for at in range(20)]
BAD = 40  # rows that have to be refused, by four reasons


def generate(rows: int = 6000, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Features (rows, 20) with NaN for nulls, and class indices (rows).

    Two clusters a class, so that no straight line separates one; each class is
    four fifths as frequent as the one before.
    """
    random = np.random.default_rng(seed)
    shares = 0.8 ** np.arange(CLASSES)
    classes = random.choice(CLASSES, rows, p=shares / shares.sum())
    centres = random.normal(0, 1.6, (CLASSES, 2, 12))
    informative = centres[classes, random.integers(0, 2, rows)] + random.normal(0, 1, (rows, 12))
    noise = random.normal(0, 1, (rows, 8))
    # As real columns have them: each in units of its own.
    scale, offset = 10.0 ** random.integers(-2, 4, 20), random.normal(0, 5, 20)
    features = (np.hstack([informative, noise]) + offset) * scale
    features[random.random(features.shape) < 0.01] = np.nan
    wild = random.random(features.shape) < 0.002
    features[wild] *= 1e4
    return features, classes


def write(directory: Path, features: np.ndarray, classes: np.ndarray) -> None:
    """Three CSV files, columns in another order in the second, and BAD rows in the third."""
    directory.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(2)
    for at, part in enumerate(np.array_split(np.arange(len(classes)), 3)):
        names = [*FEATURES, "label"] if at != 1 else ["label", *reversed(FEATURES)]
        with (directory / f"part-{at}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, names)
            writer.writeheader()
            for row in part:
                values = dict(zip(FEATURES, map(text, features[row], random.random(20))))
                writer.writerow({"label": classes[row], **values})
            if at == 2:
                spoil(writer, features, classes)


def text(value: float, draw: float) -> str:
    """A number in full, and a null in one of its spellings."""
    return repr(float(value)) if np.isfinite(value) else ["", "NA", "null"][int(draw * 3)]


def spoil(writer: csv.DictWriter[str], features: np.ndarray, classes: np.ndarray) -> None:
    """Rows of wrong types, without a label, too short, and mostly empty."""
    for at in range(BAD):
        row = dict(zip(FEATURES, map(repr, np.nan_to_num(features[at]).tolist())))
        row["label"] = str(classes[at])
        if at % 4 == 0:
            row[FEATURES[at % 20]] = ["abc", "2024-01-01", "inf", "1_000"][at // 4 % 4]
        elif at % 4 == 1:
            row["label"] = ""
        elif at % 4 == 2:
            row.update(dict.fromkeys(FEATURES[:11], ""))
        else:
            writer.writerow(row | {FEATURES[3]: "1e400"})
            continue
        writer.writerow(row)
