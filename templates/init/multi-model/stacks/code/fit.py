"""A model for each shop.

Reads every CSV file in <base>/input/sales: a header, `shop`, `units` and
features that are numbers. Writes <base>/models/<shop>.tar.gz, the archive that
AWS's XGBoost container loads when a request names it, and
<base>/report/quality.json: the features in their order, and for each shop the
mean absolute error on every fifth of its rows, which the model has not seen,
beside that of the shop's average. A shop whose model is no better gets none.

The base is /opt/ml/processing; SMSTACK_BASE_DIR stands for /opt/ml.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import os
import re
import sys
import tarfile
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import xgboost

BASE = Path(os.environ.get("SMSTACK_BASE_DIR", "/opt/ml")) / "processing"
SHOP, LABEL = "shop", "units"
LEAST = 50  # rows; fewer are too few to learn from


def read(directory: Path) -> tuple[list[str], dict[str, list[list[float]]]]:
    """The features, and each shop's rows: the units, then the features, NaN for a missing value."""
    rows: list[dict[str, str]] = []
    for path in sorted(directory.rglob("*.csv")):
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows += list(csv.DictReader(file))
    features = sorted({name for row in rows for name in row if name} - {SHOP, LABEL})
    shops: dict[str, list[list[float]]] = {}
    refused: Counter[str] = Counter()
    for row in rows:
        shop = (row.get(SHOP) or "").strip()
        # It becomes the name of a file, and a part of requests.
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", shop):
            refused[f"`{shop}` cannot be the name of a model"] += 1
            continue
        try:
            values = [float(row.get(name) or "nan") for name in (LABEL, *features)]
        except ValueError:
            refused["a value is no number"] += 1
            continue
        if not math.isfinite(values[0]):
            refused[f"no `{LABEL}`"] += 1
            continue
        shops.setdefault(shop, []).append(values)
    for reason, count in refused.items():
        print(f"refused {count} rows: {reason}")
    return features, shops


def fit(table: np.ndarray, rounds: int) -> tuple[xgboost.Booster, float, float]:
    """A model, its mean absolute error, and that of the average."""
    unseen = np.arange(len(table)) % 5 == 0
    train, test = table[~unseen], table[unseen]
    settings = {"objective": "reg:squarederror", "max_depth": 4, "eta": 0.1, "seed": 20240501}
    model = xgboost.train(settings, xgboost.DMatrix(train[:, 1:], label=train[:, 0]), rounds)
    error = np.abs(model.predict(xgboost.DMatrix(test[:, 1:])) - test[:, 0]).mean()
    return model, float(error), float(np.abs(train[:, 0].mean() - test[:, 0]).mean())


def save(model: xgboost.Booster, archive: Path) -> None:
    """The container takes every file of an archive for a model: there is one."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "model.json"
        model.save_model(str(path))
        with tarfile.open(archive, "w:gz") as tar:
            tar.add(path, path.name)


def main() -> None:
    """Read, fit, judge, save."""
    parser = argparse.ArgumentParser(description="Fit a model for each shop.")
    parser.add_argument("--rounds", type=int, default=120)
    args = parser.parse_args()
    features, shops = read(BASE / "input" / "sales")
    quality: dict[str, dict[str, object]] = {}
    for name in ("models", "report"):
        (BASE / name).mkdir(parents=True, exist_ok=True)
    for shop, rows in sorted(shops.items()):
        if len(rows) < LEAST:
            quality[shop] = {"rows": len(rows), "model": False}
            continue
        model, error, average = fit(np.array(rows), args.rounds)
        quality[shop] = {
            "rows": len(rows),
            "mean_absolute_error": error,
            "mean_absolute_error_of_average": average,
            "model": error < average,
        }
        if error < average:
            save(model, BASE / "models" / f"{shop}.tar.gz")
    made = [shop for shop, about in quality.items() if about["model"]]
    report = {"features": features, "models": len(made), "shops": quality}
    text = json.dumps(report, indent=2) + "\n"
    (BASE / "report" / "quality.json").write_text(text, encoding="utf-8")
    print(text)
    if not made:
        sys.exit("no shop has a model that is better than its average")


if __name__ == "__main__":
    main()
