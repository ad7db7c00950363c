"""Requests to the model: what TensorFlow Serving's container runs before and after it.

The container imports this file from the model's `code` directory and calls
`handler` for each request; `input_handler` and `output_handler` are its halves.

A request is JSON, rows by name or in the order of training, null for a missing value:

    {"instances": [{"age": 41, "income": null}, [39, 51000.0]]}

or CSV without a header (text/csv), one row a line, an empty field for a
missing value. The answer names the most probable class of each row:

    {"predictions": [{"class": "yes", "probability": 0.9, "probabilities": {"no": 0.1, ...}}]}

Or it says what is wrong with the request, as {"error": "instances[0].age: not a number"}.
Values are raw, in the units of the data that the model was trained with: the
fitted transform is part of the model. Python's library only: the container has no numpy.
"""

from __future__ import annotations

import csv
import io
import json
import math
import sys
from pathlib import Path
from types import FrameType
from typing import Any

TRANSFORM: dict[str, Any] = json.loads(
    Path(__file__).with_name("transform.json").read_text(encoding="utf-8")
)
FEATURES: list[str] = TRANSFORM["features"]
MOST_ROWS = 100_000  # more than a request's 6 MB hold
NULLS = {"", "na", "n/a", "nan", "null", "none"}  # as preprocessing reads them
REASONS = {400: "Bad Request", 406: "Not Acceptable", 413: "Payload Too Large"}
REASONS[415] = "Unsupported Media Type"


class BadRequest(ValueError):
    """The request is at fault; `status` is the HTTP code, the text says what to change."""

    def __init__(self, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.status = status


def input_handler(data: Any, context: Any) -> str:
    """A request as the model takes it. BadRequest if it is not one."""
    accepted = context.accept_header or "*/*"
    if not any(kind in accepted for kind in ("application/json", "application/*", "*/*")):
        raise BadRequest(f"answers are application/json, not {accepted}", 406)
    try:
        text = data.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadRequest("the body is not UTF-8") from error
    kind = (context.request_content_type or "application/json").split(";")[0].strip().lower()
    if kind == "text/csv":
        try:
            instances: Any = [row for row in csv.reader(io.StringIO(text)) if row]
        except csv.Error as error:
            raise BadRequest(f"the body is not CSV: {error}") from error
    elif kind == "application/json":
        instances = parse_json(text)
    else:
        raise BadRequest(f"send application/json or text/csv, not {kind}", 415)
    if not isinstance(instances, list) or not instances:
        raise BadRequest("`instances` must be a list of at least one row")
    if len(instances) > MOST_ROWS:
        raise BadRequest(f"{len(instances)} rows; at most {MOST_ROWS} a request", 413)
    rows = [read_row(row, f"instances[{at}]", kind) for at, row in enumerate(instances)]
    return json.dumps({"signature_name": "serving_default", "instances": rows}, allow_nan=False)


def output_handler(response: Any, context: Any) -> tuple[str, str]:
    """The model's answer (probabilities, N x C) as the caller gets it, and its content type."""
    if response.status_code != 200:
        # The request was checked before: what still fails is not the caller's fault.
        raise RuntimeError(f"the model failed: {response.content.decode('utf-8', 'replace')}")
    names = TRANSFORM["classes"]
    predictions = []
    for row in json.loads(response.content)["predictions"]:
        best = max(range(len(row)), key=row.__getitem__)
        by_name = dict(zip(names, row))
        predictions.append(
            {"class": names[best], "probability": row[best], "probabilities": by_name}
        )
    return json.dumps({"predictions": predictions}), "application/json"


def handler(data: Any, context: Any) -> tuple[str, str]:
    """Check, ask the model, answer; a bad request gets its 4xx."""
    import requests  # the container's own; the halves above do without

    try:
        asked = input_handler(data, context)
    except BadRequest as error:
        if not set_status(error.status):
            raise
        return json.dumps({"error": str(error)}), "application/json"
    return output_handler(requests.post(context.rest_uri, data=asked, timeout=60), context)


def set_status(status: int) -> bool:
    """Give the response of this request its status; whether there was one to give it to.

    The container turns whatever a handler raises into a 500, and has no way
    for it to say anything else. But callers' mistakes must not look like
    faults of ours: they would fire the alarms on 5xx, and roll deployments
    back. So this looks for the response in the caller's frames, where the
    container keeps it as `res`.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        response: Any = frame.f_locals.get("res")
        if hasattr(response, "status") and hasattr(response, "content_type"):
            response.status = f"{status} {REASONS[status]}"
            return True
        frame = frame.f_back
    return False


def parse_json(text: str) -> Any:
    """The `instances` of a JSON body."""

    def refuse(word: str) -> None:
        raise BadRequest(
            f"the body is not JSON: {word} is not a number; write null for a missing value"
        )

    try:
        body = json.loads(text, parse_constant=refuse)
    except BadRequest:
        raise
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"the body is not JSON: {error}") from error
    if not isinstance(body, dict) or "instances" not in body:
        raise BadRequest('the body must be an object with `instances`: {"instances": [[...], ...]}')
    return body["instances"]


def read_row(row: Any, place: str, kind: str) -> list[float]:
    """One row's values (F) in the order of training, nulls filled as training filled them."""
    if isinstance(row, dict):
        unlike = sorted(set(row) ^ set(FEATURES))
        if unlike:
            what = "unknown" if unlike[0] in row else "missing; write null if it has no value"
            raise BadRequest(f"{place}.{unlike[0]}: {what}")
        values = [row[name] for name in FEATURES]
    elif isinstance(row, list):
        if len(row) != len(FEATURES):
            raise BadRequest(f"{place}: {len(row)} values; the model takes {len(FEATURES)}")
        values = row
    else:
        raise BadRequest(f"{place}: neither an object nor a list")
    numbers = []
    for name, value, median in zip(FEATURES, values, TRANSFORM["median"]):
        if kind == "text/csv" and isinstance(value, str):
            value = parse_field(value)
        if value is None:
            value = median
        # bool is an int to Python, and no number to a caller.
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise BadRequest(f"{place}.{name}: not a number")
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise BadRequest(f"{place}.{name}: not a finite number")
        numbers.append(number)
    return numbers


def parse_field(text: str) -> Any:
    """A field of CSV: a number, None for a null, or the text if it is neither."""
    text = text.strip()
    if text.lower() in NULLS:
        return None
    try:
        return text if "_" in text else float(text)
    except ValueError:
        return text
