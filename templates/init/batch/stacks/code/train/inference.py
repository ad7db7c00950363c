"""Answer the requests of a batch transform: AWS's scikit-learn container imports this.

A request is some lines of a file of applications, JSON each; the answer has a
line for each of them, in their order:

    {"id": "a-17", "repaid": 0.91}

What is left out of an application counts as missing. A line that cannot be read
is answered by its error: one bad line is no reason to have no answers at all.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import joblib


class BadLine(ValueError):
    """Why a line cannot be read."""


def model_fn(model_dir: str) -> Any:
    """What is loaded once."""
    return joblib.load(Path(model_dir) / "model.joblib")


def transform_fn(model: Any, body: Any, content_type: str, accept: str) -> tuple[str, str]:
    """The lines of the answer, and what they are."""
    text = body.decode("utf-8-sig") if isinstance(body, (bytes, bytearray)) else body
    known = {name.split("=")[0] for name in model[0].feature_names_}
    answers: list[dict[str, Any]] = []
    features, places = [], []
    for line in text.splitlines():
        if not line.strip():
            continue
        try:
            answer, row = read(line, known)
        except BadLine as error:
            answers.append({"error": str(error)})
            continue
        places.append(len(answers))
        features.append(row)
        answers.append(answer)
    if features:
        for place, likely in zip(places, model.predict_proba(features)[:, 1]):
            answers[place]["repaid"] = round(float(likely), 6)
    return "\n".join(map(json.dumps, answers)), "application/jsonlines"


def read(line: str, known: set[str]) -> tuple[dict[str, Any], dict[str, float | str]]:
    """What the answer begins with, and the features as training had them."""
    try:
        row = json.loads(line)
    except ValueError:
        raise BadLine("not JSON") from None
    if not isinstance(row, dict) or "id" not in row:
        raise BadLine("not a mapping with an `id`")
    answer = {"id": row.pop("id")}
    features: dict[str, float | str] = {}
    for name, value in row.items():
        if name not in known:
            raise BadLine(f"{answer['id']}: the model knows no column `{name}`")
        if value is None or value == "":
            continue
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            raise BadLine(f"{answer['id']}: {name} is neither a number nor a text")
        try:
            number = float(value)
        except (ValueError, OverflowError):
            features[name] = str(value).strip()
            continue
        if not math.isfinite(number):
            raise BadLine(f"{answer['id']}: {name} is no finite number")
        features[name] = number
    return answer, features
