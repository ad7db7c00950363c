"""The drift job: what it finds, and what it lets pass."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from contract import CODE, load, process, succeed

NAMES = ["age", "income", "height"]
NOW = "2026-03-01T10:20:00+00:00"
DIMENSIONS = [{"Name": "Endpoint", "Value": "e"}, {"Name": "MonitoringSchedule", "Value": "m"}]


def rows(count: int, seed: int) -> np.ndarray:
    """Rows (count, 3) as the model was trained with."""
    random = np.random.default_rng(seed)
    return np.column_stack(
        [random.integers(18, 90, count), random.lognormal(10, 1, count), random.normal(0, 1, count)]
    )


def record(body: str, kind: str = "application/json", encoding: str = "JSON") -> str:
    """One line of captured data, in the form of SageMaker's data capture."""
    data = base64.b64encode(body.encode()).decode() if encoding == "BASE64" else body
    asked = {"observedContentType": kind, "mode": "INPUT", "data": data, "encoding": encoding}
    event = {"eventId": "1", "inferenceTime": "2026-03-01T09:30:00Z"}
    captured = {"endpointInput": asked, "endpointOutput": {"data": "{}", "encoding": "JSON"}}
    return json.dumps({"captureData": captured, "eventMetadata": event, "eventVersion": "0"})


def capture(base: Path, lines: list[str], hour: str = "2026/03/01/09") -> None:
    """Lines as captured in an hour."""
    place = base / "processing" / "captured" / "AllTraffic" / hour
    place.mkdir(parents=True, exist_ok=True)
    (place / "30-00-123.jsonl").write_text("\n".join(lines) + "\n")


def as_records(table: np.ndarray) -> list[str]:
    """A request of each kind for every row in turn: lists, objects, CSV, base64."""
    lines = []
    for at, row in enumerate(table.tolist()):
        values: list[Any] = [None if np.isnan(value) else value for value in row]
        if at % 4 == 0:
            lines.append(record(json.dumps({"instances": [values]})))
        elif at % 4 == 1:
            lines.append(record(json.dumps({"instances": [dict(zip(NAMES, values))]})))
        elif at % 4 == 2:
            text = ",".join("" if value is None else repr(value) for value in values)
            lines.append(record(text, "text/csv", "CSV"))
        else:
            lines.append(record(json.dumps({"instances": [values]}), encoding="BASE64"))
    return lines


def judge(base: Path, **thresholds: float) -> subprocess.CompletedProcess[str]:
    """Run the job over what was captured, against the baseline."""
    place = base / "processing" / "baseline"
    place.mkdir(parents=True, exist_ok=True)
    lines = [",".join(map(repr, row)) for row in rows(4000, 1).tolist()]
    (place / "baseline.csv").write_text("\n".join([",".join(NAMES), *lines]) + "\n")
    said = {"SMSTACK_THRESHOLDS": json.dumps(thresholds), "SMSTACK_HOURS": "1"}
    names = {"SMSTACK_NAMESPACE": "n/m", "SMSTACK_DIMENSIONS": json.dumps(DIMENSIONS)}
    return process("drift.py", base, SMSTACK_NOW=NOW, **said, **names)


def found(base: Path) -> set[tuple[str, str]]:
    """The violations: feature and check."""
    path = base / "processing" / "output" / "constraint_violations.json"
    violations = json.loads(path.read_text())["violations"]
    return {(one["feature_name"], one["constraint_check_type"]) for one in violations}


def none(table: np.ndarray) -> np.ndarray:
    """The same."""
    return table


def shifted(table: np.ndarray) -> np.ndarray:
    """Half a deviation more income."""
    table[:, 1] *= 1.8
    return table


def emptied(table: np.ndarray) -> np.ndarray:
    """A tenth of the heights are missing."""
    table[::10, 2] = np.nan
    return table


def negated(table: np.ndarray) -> np.ndarray:
    """A few ages are below zero, which no age was."""
    table[::15, 0] *= -1
    return table


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (none, set()),
        (shifted, {("income", "baseline_drift_check")}),
        (emptied, {("height", "completeness_check")}),
        (negated, {("age", "baseline_drift_check")}),
    ],
)
def test_what_drifts_is_found_and_nothing_else(
    tmp_path: Path,
    change: Callable[[np.ndarray], np.ndarray],
    expected: set[tuple[str, str]],
) -> None:
    capture(tmp_path, as_records(change(rows(1000, 2))))
    log = succeed(judge(tmp_path))
    assert found(tmp_path) == expected
    # Without AWS it prints what it would have published.
    printed = json.loads(log.splitlines()[-1])
    value = {"MetricName": "Violations", "Dimensions": DIMENSIONS, "Value": len(expected)}
    assert printed == {"Namespace": "n/m", "MetricData": [{**value, "Unit": "Count"}]}


def test_the_baseline_is_written_in_model_monitors_form(tmp_path: Path) -> None:
    capture(tmp_path, as_records(rows(200, 2)))
    succeed(judge(tmp_path))
    place = tmp_path / "processing" / "output" / "baseline"
    statistics = json.loads((place / "statistics.json").read_text())
    constraints = json.loads((place / "constraints.json").read_text())
    table = rows(4000, 1)
    assert statistics["dataset"] == {"item_count": 4000}
    assert len(statistics["features"]) == len(constraints["features"]) == len(NAMES)
    for at, (feature, limits) in enumerate(zip(statistics["features"], constraints["features"])):
        numbers = feature["numerical_statistics"]
        assert feature["name"] == limits["name"] == NAMES[at]
        assert feature["inferred_type"] == limits["inferred_type"]
        assert feature["inferred_type"] == ("Integral" if at == 0 else "Fractional")
        assert numbers["common"] == {"num_present": 4000, "num_missing": 0}
        assert numbers["mean"] == pytest.approx(table[:, at].mean())
        assert numbers["std_dev"] == pytest.approx(table[:, at].std())
        buckets = numbers["distribution"]["kll"]["buckets"]
        assert sum(bucket["count"] for bucket in buckets) == 4000
        assert (buckets[0]["lower_bound"], buckets[-1]["upper_bound"]) == (
            numbers["min"],
            numbers["max"],
        )
        assert limits["completeness"] == 1.0
        assert limits["num_constraints"] == {"is_non_negative": at < 2}


def test_bad_requests_and_unknown_features_are_counted(tmp_path: Path) -> None:
    table = rows(400, 2)
    odd = [record(json.dumps({"instances": [["x", 1.0, 2.0]]}))] * 60
    more = [record(json.dumps({"instances": [dict(zip([*NAMES, "weight"], [30, 2e4, 0, 1]))]}))]
    bad = ["{not json", record("{}"), record("[[1]]"), record('{"instances": [[1]]}')] * 10
    capture(tmp_path, as_records(table) + odd + more + bad)
    succeed(judge(tmp_path, distance=0.9))
    assert found(tmp_path) == {
        ("age", "data_type_check"),
        ("age", "completeness_check"),
        ("weight", "extra_column_check"),
        ("request", "data_type_check"),
    }


def test_only_the_last_hours_are_judged_and_few_rows_are_not(tmp_path: Path) -> None:
    capture(tmp_path, as_records(shifted(rows(500, 2))), "2026/03/01/08")
    capture(tmp_path, as_records(shifted(rows(500, 2))), "2026/03/01/10")
    capture(tmp_path, as_records(shifted(rows(99, 2))))
    log = succeed(judge(tmp_path))
    assert "99 rows of 2026-03-01 09:00 to 10:00 UTC: too few to judge" in log
    assert found(tmp_path) == set()
    succeed(judge(tmp_path, least_rows=50))
    assert found(tmp_path) == {("income", "baseline_drift_check")}


def test_constraints_edited_by_hand_count(tmp_path: Path) -> None:
    capture(tmp_path, as_records(shifted(rows(500, 2))))
    succeed(judge(tmp_path))
    path = tmp_path / "processing" / "output" / "baseline" / "constraints.json"
    edited = json.loads(path.read_text())
    edited["monitoring_config"]["distribution_constraints"]["comparison_threshold"] = 0.9
    (tmp_path / "processing" / "baseline" / "constraints.json").write_text(json.dumps(edited))
    succeed(judge(tmp_path))
    assert found(tmp_path) == set()


@pytest.mark.parametrize(
    ("body", "rows"),
    [
        ('{"instances": [{"age": 1}]}', {"age": 1}),
        ('{"instances": [{"age": 1}, {"age": null}]}', [{"age": 1}, {"age": None}]),
        ('{"instances": [[1, 2]]}', []),
        ('{"instances": 5}', None),
        ("1,2,3", None),
        ("[]", None),
    ],
)
def test_model_monitor_gets_rows_by_name(body: str, rows: object) -> None:
    module = load(CODE / "record_preprocessor.py")
    asked = SimpleNamespace(endpoint_input=SimpleNamespace(data=body))
    assert module.preprocess_handler(asked) == (asked if rows is None else rows)


def test_unknown_thresholds_are_refused(tmp_path: Path) -> None:
    done = judge(tmp_path, distanse=0.2)
    assert done.returncode == 1 and "nothing is known of ['distanse']" in done.stderr
