"""Answer requests: AWS's XGBoost container imports this from the model's `code` directory.

A request is JSON, {"instances": [{"tenure": 2, "contract": "monthly"}, …]}, or
CSV with a header; what is left out counts as missing. The answer is
{"predictions": [0.83, …]}: how likely each customer is to leave. A request that
cannot be read gets a 400 that says why.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import xgboost

try:
    from sagemaker_inference.errors import BaseInferenceToolkitError
except ImportError:  # outside of the container

    class BaseInferenceToolkitError(Exception):  # type: ignore[no-redef]
        """An error with an HTTP status."""

        def __init__(self, status_code: int, message: str, phrase: str) -> None:
            self.status_code, self.message, self.phrase = status_code, message, phrase
            super().__init__(status_code, message, phrase)


def refuse(message: str, status: int = 400) -> BaseInferenceToolkitError:
    """The request is at fault."""
    return BaseInferenceToolkitError(status, message, message)


def model_fn(model_dir: str) -> tuple[xgboost.Booster, list[dict[str, Any]]]:
    """What is loaded once: the trees and the columns that they know."""
    model = xgboost.Booster()
    model.load_model(str(Path(model_dir) / "model.json"))
    columns = json.loads((Path(model_dir) / "columns.json").read_text(encoding="utf-8"))
    return model, columns


def input_fn(body: Any, content_type: str) -> list[dict[str, Any]]:
    """The rows of a request, as mappings."""
    text = body.decode("utf-8-sig") if isinstance(body, (bytes, bytearray)) else body
    kind = (content_type or "application/json").split(";")[0].strip().lower()
    if kind == "text/csv":
        rows: Any = list(csv.DictReader(io.StringIO(text)))
    elif kind == "application/json":
        try:
            rows = json.loads(text)["instances"]
        except (KeyError, TypeError, ValueError):
            raise refuse('send {"instances": [{"COLUMN": VALUE, …}, …]}') from None
    else:
        raise refuse(f"send application/json or text/csv, not {kind}", 415)
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise refuse("`instances` has to be a list of mappings, one a customer")
    return rows


def encode(row: dict[str, Any], place: str, columns: list[dict[str, Any]]) -> Iterator[float]:
    """A row's features as the training had them; NaN where there is no value."""
    unknown = sorted(set(row) - {column["name"] for column in columns}, key=str)
    if unknown:
        raise refuse(f"{place}: the model knows no column `{unknown[0]}`")
    for column in columns:
        value = row.get(column["name"])
        if "values" in column:
            yield from (float(str(value).strip() == known) for known in column["values"])
        elif value is None or value == "":
            yield np.nan
        else:
            try:
                yield float(value)
            except (TypeError, ValueError):
                raise refuse(f"{place}.{column['name']}: {value!r} is no number") from None


def predict_fn(
    rows: list[dict[str, Any]], loaded: tuple[xgboost.Booster, list[dict[str, Any]]]
) -> np.ndarray:
    """How likely each customer is to leave (N)."""
    model, columns = loaded
    table = [list(encode(row, f"instances[{at}]", columns)) for at, row in enumerate(rows)]
    return model.predict(xgboost.DMatrix(np.array(table, dtype=np.float64)))


def output_fn(prediction: np.ndarray, accept: str) -> tuple[str, str]:
    """The answer, and its content type."""
    return json.dumps({"predictions": [float(value) for value in prediction]}), "application/json"
