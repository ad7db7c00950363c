"""Raw CSV files into standardised train, validation and test sets.

Reads every CSV file beneath <base>/input: a header, numeric features and a
column `label`. Writes one CSV file per set, header kept and label first, and
`transform.json`, the fitted transform, beside the validation set (beside the
training set it would be taken for data by whoever reads that as a baseline).

Needs numpy only. The base directory is /opt/ml/processing; for a dry run
elsewhere set SMSTACK_BASE_DIR in place of /opt/ml.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import os
import sys
from collections import Counter
from pathlib import Path

import numpy as np

BASE = Path(os.environ.get("SMSTACK_BASE_DIR", "/opt/ml")) / "processing"
LABEL = "label"
NULLS = {"", "na", "n/a", "nan", "null", "none"}
SHARES = {"train": 0.7, "validation": 0.15, "test": 0.15}
EXAMPLES = 5  # refused rows shown per reason


class Report:
    """Counts the rows that were refused, and keeps a few of each reason."""

    def __init__(self) -> None:
        self.accepted = 0
        self.refused: Counter[str] = Counter()
        self.examples: dict[str, list[str]] = {}

    def refuse(self, reason: str, place: str) -> None:
        """Note that the row at `place` (file:line) is not used."""
        self.refused[reason] += 1
        examples = self.examples.setdefault(reason, [])
        if len(examples) < EXAMPLES:
            examples.append(place)

    @property
    def share(self) -> float:
        """The refused rows as a share of all, in 0..1."""
        refused = sum(self.refused.values())
        return refused / max(1, refused + self.accepted)

    def as_json(self) -> str:
        """One line for the log."""
        return json.dumps(
            {"accepted": self.accepted, "refused": self.refused, "examples": self.examples}
        )


def parse_number(text: str) -> float:
    """A finite number; NaN stands for a null. ValueError if it is neither."""
    text = text.strip()
    if text.lower() in NULLS:
        return math.nan
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def read_file(
    path: Path, columns: list[str] | None, report: Report
) -> tuple[list[str], list[list[float]], list[str]]:
    """One file's feature names, feature rows in that order, and labels.

    With `columns`, the features of the files before, a file must have the same
    ones; their order may differ.
    """
    rows: list[list[float]] = []
    labels: list[str] = []
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file)
        header = [name.strip() for name in next(reader, [])]
        if LABEL not in header or len(set(header)) != len(header) or len(header) < 2:
            sys.exit(f"{path}: the header needs `{LABEL}`, a feature, and no name twice: {header}")
        names = columns or [name for name in header if name != LABEL]
        if set(header) != {LABEL, *names}:
            unlike = sorted(set(header) ^ {LABEL, *names})
            sys.exit(f"{path}: these columns are not in every file: {unlike}")
        order = [header.index(name) for name in names]
        for row in reader:
            place = f"{path.name}:{reader.line_num}"
            if not row:
                continue
            if len(row) != len(header):
                report.refuse("number of fields", place)
                continue
            label = row[header.index(LABEL)].strip()
            if label.lower() in NULLS:
                report.refuse("no label", place)
                continue
            try:
                rows.append([parse_number(row[at]) for at in order])
            except ValueError:
                report.refuse("not a finite number", place)
                continue
            labels.append(label)
            report.accepted += 1
    return names, rows, labels


def read(directory: Path, report: Report) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Feature names (F), features (N, F) with NaN for nulls, and labels (N) as text.

    Leaves out `code`, where SageMaker mounts this script.
    """
    code = directory / "code"
    files = sorted(path for path in directory.rglob("*.csv") if code not in path.parents)
    if not files:
        sys.exit(f"{directory}: no CSV file")
    columns: list[str] | None = None
    rows: list[list[float]] = []
    labels: list[str] = []
    for path in files:
        columns, more_rows, more_labels = read_file(path, columns, report)
        rows += more_rows
        labels += more_labels
    assert columns is not None
    return (
        columns,
        np.array(rows, dtype=float).reshape(-1, len(columns)),
        np.array(labels, dtype=str),
    )


def encode(labels: np.ndarray) -> tuple[list[str], np.ndarray]:
    """The classes (C), numbers by value and words by alphabet, and each row's class index (N)."""
    names = sorted(set(labels.tolist()))
    try:
        names.sort(key=float)
    except ValueError:
        pass  # words
    index = {name: at for at, name in enumerate(names)}
    return names, np.array([index[label] for label in labels.tolist()], dtype=int)


def split(classes: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """Row indices of each set: every class by SHARES, and in each set at least once."""
    random = np.random.default_rng(seed)
    parts: dict[str, list[np.ndarray]] = {name: [] for name in SHARES}
    for which in np.unique(classes):
        rows = random.permutation(np.flatnonzero(classes == which))
        if len(rows) < len(SHARES):
            sys.exit(f"class {which} has {len(rows)} rows; each of {list(SHARES)} needs one")
        held_out = [max(1, round(len(rows) * SHARES[name])) for name in ("validation", "test")]
        cuts = np.cumsum([len(rows) - sum(held_out), held_out[0]])
        for name, part in zip(SHARES, np.split(rows, cuts)):
            parts[name].append(part)
    return {name: random.permutation(np.concatenate(part)) for name, part in parts.items()}


def fit(features: np.ndarray) -> dict[str, np.ndarray]:
    """Median, mean and standard deviation (F each) of the training rows (N, F).

    Nulls count as the median.
    """
    empty = np.isnan(features).all(axis=0)
    if empty.any():
        sys.exit(
            f"no value in the training set: features {np.flatnonzero(empty).tolist()}"
        )
    median = np.nanmedian(features, axis=0)
    filled = np.where(np.isnan(features), median, features)
    deviation = filled.std(axis=0)
    deviation[deviation == 0] = 1.0  # a constant feature becomes 0
    return {"median": median, "mean": filled.mean(axis=0), "standard_deviation": deviation}


def apply(transform: dict[str, np.ndarray], features: np.ndarray) -> np.ndarray:
    """Features (N, F) without nulls, in standard deviations from the training mean."""
    filled = np.where(np.isnan(features), transform["median"], features)
    return (filled - transform["mean"]) / transform["standard_deviation"]


def write(path: Path, names: list[str], classes: np.ndarray, features: np.ndarray) -> None:
    """One set as a CSV file: the class index first, then the features."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([LABEL, *names])
        for label, row in zip(classes.tolist(), features.tolist()):
            writer.writerow([label, *(f"{value:.8g}" for value in row)])


def main() -> None:
    """Read, check, split, fit on the training rows only, write."""
    parser = argparse.ArgumentParser(
        description="Raw CSV files into train, validation and test sets."
    )
    parser.add_argument("--seed", type=int, default=20240501)
    parser.add_argument("--max-refused", type=float, default=0.05, help="share of rows, 0..1")
    args = parser.parse_args()

    report = Report()
    names, features, labels = read(BASE / "input", report)
    print(f"rows: {report.as_json()}")
    if report.share > args.max_refused:
        sys.exit(f"{report.share:.1%} of the rows were refused, more than {args.max_refused:.1%}")
    class_names, classes = encode(labels)
    if len(class_names) < 2:
        sys.exit(f"a classifier needs two classes or more, found {class_names}")
    sets = split(classes, args.seed)
    transform = fit(features[sets["train"]])
    for name, rows in sets.items():
        path = BASE / "output" / name / f"{name}.csv"
        write(path, names, classes[rows], apply(transform, features[rows]))
        counts = np.bincount(classes[rows], minlength=len(class_names)).tolist()
        print(f"{name}: {len(rows)} rows, by class {dict(zip(class_names, counts))}")
    fitted = {"features": names, "classes": class_names}
    fitted |= {name: values.tolist() for name, values in transform.items()}
    path = BASE / "output" / "validation" / "transform.json"
    path.write_text(json.dumps(fitted, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
