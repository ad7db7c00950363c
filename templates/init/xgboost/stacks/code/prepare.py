"""Customers into training, validation and test sets.

Reads every CSV file in <base>/input/customers: a header, the column `churned`
(0 or 1) and the features. Writes one file a set, label first, features as
numbers: a text becomes a column for each of its values. The columns and what
stands for what are in `columns.json` beside the training set; a missing value
stays empty, which XGBoost has a way of its own with. Rows that cannot be read
are refused, and counted.

Needs Python only. The base is /opt/ml/processing; SMSTACK_BASE_DIR stands for /opt/ml.
"""

from __future__ import annotations

import csv
import json
import os
import random
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

BASE = Path(os.environ.get("SMSTACK_BASE_DIR", "/opt/ml")) / "processing"
LABEL = "churned"
SHARES = {"train": 0.7, "validation": 0.15, "test": 0.15}
MOST_VALUES = 50  # a column of more texts is a name or a comment, and tells nothing


def read(directory: Path) -> Iterator[dict[str, str]]:
    """The rows of all files, as mappings from column to text."""
    for path in sorted(directory.rglob("*.csv")):
        with path.open(newline="", encoding="utf-8-sig") as file:
            yield from csv.DictReader(file)


def number(text: str) -> float | None:
    """The number that a text is, or None."""
    try:
        return float(text)
    except (TypeError, ValueError):
        return None


def describe(rows: list[dict[str, str]]) -> list[dict[str, Any]]:
    """The features in their order: a number is a column, a text one for each of its values."""
    columns: list[dict[str, Any]] = []
    for name in sorted({name for row in rows for name in row if name and name != LABEL}):
        values = {(row.get(name) or "").strip() for row in rows} - {""}
        if all(number(value) is not None for value in values):
            columns.append({"name": name})
        elif len(values) <= MOST_VALUES:
            columns.append({"name": name, "values": sorted(values)})
        else:
            print(f"{name}: {len(values)} different texts; left out")
    return columns


def encode(row: dict[str, str], columns: list[dict[str, Any]]) -> Iterator[object]:
    """A row's features as numbers; empty where there is no value."""
    for column in columns:
        value = (row.get(column["name"]) or "").strip()
        if "values" in column:
            yield from (int(value == known) for known in column["values"])
        else:
            found = number(value)
            yield "" if found is None else found


def main() -> None:
    """Read, refuse, divide, write."""
    refused: Counter[str] = Counter()
    rows = []
    for row in read(BASE / "input" / "customers"):
        if (row.get(LABEL) or "").strip() in ("0", "1"):
            rows.append(row)
        else:
            refused[f"`{LABEL}` is neither 0 nor 1"] += 1
    for reason, count in refused.items():
        print(f"refused {count} rows: {reason}")
    if len(rows) < 20:
        sys.exit(f"{len(rows)} rows are too few to learn from")
    columns = describe(rows)
    # Each class is divided by itself, so that all sets have the same share of it.
    chance = random.Random(20240501)
    sets: dict[str, list[dict[str, str]]] = {name: [] for name in SHARES}
    for label in ("0", "1"):
        members = [row for row in rows if row[LABEL].strip() == label]
        chance.shuffle(members)
        start = 0.0
        for name, share in SHARES.items():
            end = start + share
            sets[name] += members[round(start * len(members)) : round(end * len(members))]
            start = end
    for name, members in sets.items():
        chance.shuffle(members)
        directory = BASE / "output" / name
        directory.mkdir(parents=True, exist_ok=True)
        with (directory / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            for row in members:
                writer.writerow([row[LABEL].strip(), *encode(row, columns)])
        print(f"{name}: {len(members)} rows")
    about = BASE / "output" / "train" / "columns.json"
    about.write_text(json.dumps(columns, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
