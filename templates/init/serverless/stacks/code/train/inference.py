"""Answer requests: AWS's scikit-learn container imports this from the model's `code` directory.

A request is JSON, {"instances": [{"distance": 4.2, "weather": "rain"}, …]}, or
CSV with a header; what is left out counts as missing. The answer is
{"predictions": [31.4, …]}, in minutes. A request that cannot be read gets a 400
that says why.
"""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path
from typing import Any

import joblib


class BadRequest(ValueError):
    """The request is at fault; `status` is the HTTP code."""

    def __init__(self, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.status = status


def model_fn(model_dir: str) -> Any:
    """What is loaded once."""
    return joblib.load(Path(model_dir) / "model.joblib")


def transform_fn(model: Any, body: Any, content_type: str, accept: str) -> Any:
    """A request's answer, and its content type."""
    try:
        rows = read(body, content_type)
        features = [clean(row, f"instances[{at}]") for at, row in enumerate(rows)]
        unknown = {name for row in features for name in row} - known(model)
        if unknown:
            raise BadRequest(f"the model knows no column `{min(unknown)}`")
    except BadRequest as error:
        from flask import Response  # what the container answers with

        answer = json.dumps({"error": str(error)})
        return Response(answer, status=error.status, mimetype="application/json")
    minutes = [round(float(value), 1) for value in model.predict(features)]
    return json.dumps({"predictions": minutes}), "application/json"


def known(model: Any) -> set[str]:
    """The columns that the model was trained with."""
    return {name.split("=")[0] for name in model[0].feature_names_}


def read(body: Any, content_type: str) -> list[dict[str, Any]]:
    """The rows of a request, as mappings."""
    text = body.decode("utf-8-sig") if isinstance(body, (bytes, bytearray)) else body
    kind = (content_type or "application/json").split(";")[0].strip().lower()
    if kind == "text/csv":
        rows: Any = list(csv.DictReader(io.StringIO(text)))
    elif kind == "application/json":
        try:
            rows = json.loads(text)["instances"]
        except (KeyError, TypeError, ValueError):
            raise BadRequest('send {"instances": [{"COLUMN": VALUE, …}, …]}') from None
    else:
        raise BadRequest(f"send application/json or text/csv, not {kind}", 415)
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise BadRequest("`instances` has to be a list of mappings, one a delivery")
    return rows


def clean(row: dict[str, Any], place: str) -> dict[str, float | str]:
    """A row as training had it: numbers and texts, without what has no value."""
    features: dict[str, float | str] = {}
    for name, value in row.items():
        if value is None or value == "":
            continue
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            raise BadRequest(f"{place}.{name}: neither a number nor a text")
        try:
            number = float(value)
        except (ValueError, OverflowError):
            features[name] = str(value).strip()
            continue
        if not math.isfinite(number):
            raise BadRequest(f"{place}.{name}: not a finite number")
        features[name] = number
    return features
