"""Recordings into training, validation and test sets.

Reads every CSV file in <base>/input/recordings: no header, a label first, then
the samples, the same number in every row. Writes one file a set, the label as a
number, and beside the training set `about.json`: the labels, the number of
samples, and their mean and deviation. Rows that cannot be read are refused, and
counted.

Needs Python only. The base is /opt/ml/processing; SMSTACK_BASE_DIR stands for /opt/ml.
"""

from __future__ import annotations

import csv
import json
import math
import os
import random
import statistics
import sys
from collections import Counter
from pathlib import Path

BASE = Path(os.environ.get("SMSTACK_BASE_DIR", "/opt/ml")) / "processing"
SHARES = {"train": 0.7, "validation": 0.15, "test": 0.15}


def read(directory: Path) -> list[tuple[str, list[float]]]:
    """Labels and samples. What most rows have is the right number of samples."""
    rows, refused = [], Counter[str]()
    for path in sorted(directory.rglob("*.csv")):
        with path.open(newline="", encoding="utf-8-sig") as file:
            for fields in csv.reader(file):
                try:
                    label, samples = fields[0].strip(), [float(field) for field in fields[1:]]
                except (IndexError, ValueError):
                    refused["not a label and numbers"] += 1
                    continue
                if not label or not all(map(math.isfinite, samples)):
                    refused["no label, or a number that is none"] += 1
                    continue
                rows.append((label, samples))
    if rows:
        ((length, _),) = Counter(len(samples) for _, samples in rows).most_common(1)
        refused[f"not {length} samples"] = sum(len(samples) != length for _, samples in rows)
        rows = [row for row in rows if len(row[1]) == length]
    for reason, count in refused.items():
        if count:
            print(f"refused {count} rows: {reason}")
    if len(rows) < 20:
        sys.exit(f"{len(rows)} recordings are too few to learn from")
    return rows


def divide(rows: list[tuple[str, list[float]]]) -> dict[str, list[tuple[str, list[float]]]]:
    """The sets; each label is divided by itself, so that all sets have the same share of it."""
    chance = random.Random(20240501)
    sets: dict[str, list[tuple[str, list[float]]]] = {name: [] for name in SHARES}
    for label in sorted({label for label, _ in rows}):
        members = [row for row in rows if row[0] == label]
        chance.shuffle(members)
        start = 0.0
        for name, share in SHARES.items():
            end = start + share
            sets[name] += members[round(start * len(members)) : round(end * len(members))]
            start = end
    for members in sets.values():
        chance.shuffle(members)
    return sets


def main() -> None:
    """Read, refuse, divide, measure, write."""
    rows = read(BASE / "input" / "recordings")
    labels = sorted({label for label, _ in rows})
    sets = divide(rows)
    for name, members in sets.items():
        directory = BASE / "output" / name
        directory.mkdir(parents=True, exist_ok=True)
        with (directory / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([labels.index(label), *row] for label, row in members)
        print(f"{name}: {len(members)} recordings")
    # Fitted on the training set alone: the others stand for what is not known yet.
    samples = [sample for _, row in sets["train"] for sample in row]
    about = {
        "labels": labels,
        "samples": len(rows[0][1]),
        "mean": statistics.fmean(samples),
        "deviation": statistics.pstdev(samples) or 1.0,
    }
    path = BASE / "output" / "train" / "about.json"
    path.write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
