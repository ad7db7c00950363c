"""What Model Monitor makes of a captured request before it compares it with the baseline.

Model Monitor would flatten {"instances": [{"age": 41}]} to a column
`instances_0_age`, which no baseline has. This gives it the rows themselves, by
the names of the baseline's columns. Rows sent by position carry no names: they
are left out, rather than taken for rows of other features. What is no such
request, as the baseline's own rows, goes through as it came.
"""

from __future__ import annotations

import json
from typing import Any


def preprocess_handler(inference_record: Any) -> Any:
    """The rows of one captured request: one object, several, or none."""
    try:
        body = json.loads(inference_record.endpoint_input.data)
        rows = [row for row in body["instances"] if isinstance(row, dict)]
    except (KeyError, TypeError, ValueError):
        return inference_record
    return rows[0] if len(rows) == 1 else rows
