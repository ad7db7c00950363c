"""Has what the endpoint is asked drifted from what the model was trained with?

The job of a monitor with `backend: pipeline`. Compares the requests that were
captured in the last SMSTACK_HOURS full hours, beneath <base>/captured, with the
CSV files of <base>/baseline (raw training rows, as preprocessing writes them
to its output `baseline`), and writes to <base>/output, all in Model Monitor's form:

    baseline/statistics.json     baseline/constraints.json     what is expected
    statistics.json              constraint_violations.json    what was found

A `constraints.json` beside the baseline data, edited by hand, takes the place
of the one that is derived. Then it publishes the number of violations to
CloudWatch as SMSTACK_METRIC; where there is no SMSTACK_REGION, which every job
of a stack has, it prints the metric instead. SMSTACK_THRESHOLDS may set:

    distance      Kolmogorov-Smirnov distance of a feature that is drift (0.1)
    significance  chance of a false alarm in one run, over all features (0.01)
    missing       share of nulls beyond the baseline's (0.05)
    least_rows    requests that there must be to judge at all (100)

Distances are judged by scipy's two-sample test: drift is a distance that is
both large and no accident. numpy and scipy come with the scikit-learn image,
so the job installs nothing and runs without a way to the internet. Memory: at
most SAMPLE rows of each side are kept, a uniform sample.
"""

from __future__ import annotations

import base64
import csv
import io
import json
import math
import os
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

BASE = Path(os.environ.get("SMSTACK_BASE_DIR", "/opt/ml")) / "processing"
LABEL = "label"
NULLS = {"", "na", "n/a", "nan", "null", "none"}
THRESHOLDS = {"distance": 0.1, "significance": 0.01, "missing": 0.05, "least_rows": 100.0}
SAMPLE = 200_000
BUCKETS = 10


class Table:
    """Rows (n, F) of named features; NaN is a null, and `odd` counts what is no number (F)."""

    def __init__(self, names: list[str]) -> None:
        self.names = names
        self.odd = np.zeros(len(names), dtype=int)
        self.extra: set[str] = set()
        self.seen = 0
        self.kept: list[list[float]] = []
        self.random = np.random.default_rng(20240501)

    def add(self, values: list[Any]) -> None:
        """One row, by position; what is no number counts as odd and as a null."""
        row = []
        for at, value in enumerate(values):
            number = parse_number(value)
            self.odd[at] += number is None
            row.append(math.nan if number is None else number)
        self.seen += 1
        if len(self.kept) < SAMPLE:
            self.kept.append(row)
        else:
            place = int(self.random.integers(0, self.seen))
            if place < SAMPLE:
                self.kept[place] = row

    def rows(self) -> np.ndarray:
        """What was kept (n, F)."""
        return np.array(self.kept, dtype=float).reshape(-1, len(self.names))


def parse_number(value: Any) -> float | None:
    """A finite number, NaN for a null, None for anything else."""
    if value is None or (isinstance(value, str) and value.strip().lower() in NULLS):
        return math.nan
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def read_baseline(directory: Path) -> Table:
    """The CSV files with a header; a column `label` is left out."""
    table: Table | None = None
    for path in sorted(directory.rglob("*.csv")):
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            names = [name for name in reader.fieldnames or [] if name != LABEL]
            table = table or Table(names)
            if set(names) != set(table.names):
                sys.exit(f"{path}: not the columns of the other files: {names}")
            for row in reader:
                table.add([row[name] for name in table.names])
    if table is None or not table.seen:
        sys.exit(f"{directory}: no baseline data")
    return table


def requests(record: dict[str, Any]) -> list[Any]:
    """The rows of one captured request: objects or lists. ValueError if it can't be read."""
    captured = record["captureData"]["endpointInput"]
    data = captured["data"]
    if captured.get("encoding") == "BASE64":
        data = base64.b64decode(data).decode("utf-8")
    if captured.get("encoding") == "CSV" or "csv" in captured.get("observedContentType", ""):
        return [row for row in csv.reader(io.StringIO(data)) if row]
    body = json.loads(data)
    rows = body.get("instances") if isinstance(body, dict) else None
    if not isinstance(rows, list):
        raise ValueError("no instances")
    return rows


def records(directory: Path, begin: datetime, end: datetime) -> Iterator[dict[str, Any] | None]:
    """The captured requests of a stretch of time; None for a line that can't be read.

    Files lie in directories by hour, <variant>/yyyy/mm/dd/hh, so most are not opened.
    """
    for path in sorted(directory.rglob("*.jsonl")):
        try:
            year, month, day, at = map(int, path.parts[-5:-1])
            hour = datetime(year, month, day, at, tzinfo=timezone.utc)
        except ValueError:
            continue
        if not begin <= hour < end:
            continue
        with path.open(encoding="utf-8") as file:
            for line in filter(str.strip, file):
                try:
                    record = json.loads(line)
                except ValueError:
                    record = None
                yield record if isinstance(record, dict) else None


def read_captured(
    directory: Path, names: list[str], begin: datetime, end: datetime
) -> tuple[Table, int]:
    """The rows of the captured requests, and how many requests were none."""
    table, unreadable = Table(names), 0
    for record in records(directory, begin, end):
        try:
            rows = requests(record or {})
        except (KeyError, TypeError, ValueError, csv.Error):
            unreadable += 1
            continue
        for row in rows:
            if isinstance(row, dict):
                table.extra |= set(row) - set(names)
                table.add([row.get(name) for name in names])
            elif isinstance(row, list) and len(row) == len(names):
                table.add(row)
            else:
                unreadable += 1
    return table, unreadable


def statistics(table: Table) -> dict[str, Any]:
    """`statistics.json`: of each feature what is there, its moments and ten buckets."""
    rows, features = table.rows(), []
    for at, name in enumerate(table.names):
        present = rows[:, at][~np.isnan(rows[:, at])]
        common = {"num_present": len(present), "num_missing": len(rows) - len(present)}
        numerical: dict[str, Any] = {"common": common}
        if len(present):
            counts, edges = np.histogram(present, BUCKETS)
            numerical.update(
                mean=float(present.mean()),
                sum=float(present.sum()),
                std_dev=float(present.std()),
                min=float(present.min()),
                max=float(present.max()),
                distribution={
                    "kll": {
                        "buckets": [
                            {"lower_bound": low, "upper_bound": high, "count": count}
                            for low, high, count in zip(
                                edges[:-1].tolist(), edges[1:].tolist(), counts.tolist()
                            )
                        ]
                    }
                },
            )
        feature = {"name": name, "inferred_type": kind(present), "numerical_statistics": numerical}
        features.append(feature)
    return {"version": 0.0, "dataset": {"item_count": len(rows)}, "features": features}


def kind(present: np.ndarray) -> str:
    """The type that Model Monitor would infer from values without nulls (n)."""
    if not len(present):
        return "Unknown"
    return "Integral" if (present == np.floor(present)).all() else "Fractional"


def constraints(table: Table, thresholds: dict[str, float]) -> dict[str, Any]:
    """`constraints.json`: what the baseline lets one expect."""
    rows = table.rows()
    features = []
    for at, name in enumerate(table.names):
        present = rows[:, at][~np.isnan(rows[:, at])]
        signs = {"is_non_negative": bool((present >= 0).all())}
        features.append(
            {
                "name": name,
                "inferred_type": kind(present),
                "completeness": len(present) / len(rows),
                "num_constraints": signs,
            }
        )
    comparison = {
        "perform_comparison": "Enabled",
        "comparison_threshold": thresholds["distance"],
        "comparison_method": "Robust",
    }
    monitoring = {
        "evaluate_constraints": "Enabled",
        "emit_metrics": "Enabled",
        "datatype_check_threshold": thresholds["missing"],
        "distribution_constraints": comparison,
    }
    return {"version": 0.0, "features": features, "monitoring_config": monitoring}


def violations(
    baseline: Table, captured: Table, expected: dict[str, Any], thresholds: dict[str, float]
) -> list[dict[str, str]]:
    """What of the captured rows the constraints and the baseline's distributions do not allow."""
    found: list[dict[str, str]] = []

    def violate(name: str, check: str, text: str) -> None:
        violation = {"feature_name": name, "constraint_check_type": check, "description": text}
        found.append(violation)

    before, now = baseline.rows(), captured.rows()
    config = expected["monitoring_config"]
    limit = config["distribution_constraints"]["comparison_threshold"]
    # One chance of a false alarm for all features together (Bonferroni).
    significance = thresholds["significance"] / max(1, len(baseline.names))
    by_name = {feature["name"]: feature for feature in expected["features"]}
    for name in sorted(captured.extra):
        violate(name, "extra_column_check", "no such feature in the baseline")
    for at, name in enumerate(baseline.names):
        feature = by_name.get(name, {})
        odd = captured.odd[at] / captured.seen
        if odd > config["datatype_check_threshold"]:
            violate(name, "data_type_check", f"{odd:.1%} of the values are no numbers")
        present = now[:, at][~np.isnan(now[:, at])]
        complete, usual = len(present) / len(now), feature.get("completeness", 0.0)
        if complete < usual - thresholds["missing"]:
            text = f"{complete:.1%} of the values are there, {usual:.1%} in the baseline"
            violate(name, "completeness_check", text)
        negative = (present < 0).sum() / len(now)
        if feature.get("num_constraints", {}).get("is_non_negative") and (
            negative > config["datatype_check_threshold"]
        ):
            text = f"{negative:.1%} of the values are below zero, none in the baseline"
            violate(name, "baseline_drift_check", text)
        old = before[:, at][~np.isnan(before[:, at])]
        if not len(present) or not len(old):
            continue
        # By position: the last one's name differs between versions of scipy.
        test = stats.ks_2samp(old, present, "two-sided", "asymp")
        if test.statistic > limit and test.pvalue < significance:
            text = f"distance {test.statistic:.3f} from the baseline, more than {limit}"
            violate(name, "baseline_drift_check", f"{text} (p {test.pvalue:.1e})")
    return found


def publish(count: int, at: datetime) -> None:
    """The metric that the monitor's alarm watches."""
    name = os.environ.get("SMSTACK_METRIC", "Violations")
    namespace = os.environ.get("SMSTACK_NAMESPACE", "smstack/Monitoring")
    dimensions = json.loads(os.environ.get("SMSTACK_DIMENSIONS") or "[]")
    metric = {"MetricName": name, "Dimensions": dimensions, "Value": count, "Unit": "Count"}
    region = os.environ.get("SMSTACK_REGION")
    if not region:
        print(json.dumps({"Namespace": namespace, "MetricData": [metric]}))
        return
    import boto3  # the image has it; a laptop need not

    client = boto3.client("cloudwatch", region_name=region)
    client.put_metric_data(Namespace=namespace, MetricData=[{**metric, "Timestamp": at}])


def window() -> tuple[datetime, datetime]:
    """The last SMSTACK_HOURS full hours; SMSTACK_NOW (ISO 8601) stands in for the clock."""
    now = os.environ.get("SMSTACK_NOW")
    end = datetime.fromisoformat(now) if now else datetime.now(timezone.utc)
    end = end.astimezone(timezone.utc).replace(minute=0, second=0, microsecond=0)
    return end - timedelta(hours=int(os.environ.get("SMSTACK_HOURS") or 1)), end


def write(path: Path, content: Any) -> None:
    """One JSON file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    """Read both sides, compare, write, publish."""
    if os.environ.get("SMSTACK_KIND", "data_quality") != "data_quality":
        sys.exit(f"this job judges data_quality, not {os.environ['SMSTACK_KIND']}")
    said = json.loads(os.environ.get("SMSTACK_THRESHOLDS") or "{}")
    unknown = sorted(set(said) - set(THRESHOLDS))
    if unknown:
        sys.exit(f"thresholds are {sorted(THRESHOLDS)}; nothing is known of {unknown}")
    thresholds = {**THRESHOLDS, **said}
    begin, end = window()
    baseline = read_baseline(BASE / "baseline")
    captured, unreadable = read_captured(BASE / "captured", baseline.names, begin, end)

    edited = BASE / "baseline" / "constraints.json"
    expected = (
        json.loads(edited.read_text(encoding="utf-8"))
        if edited.exists()
        else constraints(baseline, thresholds)
    )
    output = BASE / "output"
    write(output / "baseline" / "statistics.json", statistics(baseline))
    write(output / "baseline" / "constraints.json", expected)
    write(output / "statistics.json", statistics(captured))
    rows = f"{captured.seen} rows of {begin:%Y-%m-%d %H:%M} to {end:%H:%M} UTC"
    if captured.seen < thresholds["least_rows"]:
        print(f"{rows}: too few to judge (least_rows {thresholds['least_rows']:.0f})")
        found = []
    else:
        found = violations(baseline, captured, expected, thresholds)
    if unreadable > thresholds["missing"] * max(1, captured.seen + unreadable):
        text = f"{unreadable} of {captured.seen + unreadable} requests can't be read"
        kind_of = {"feature_name": "request", "constraint_check_type": "data_type_check"}
        found.append({**kind_of, "description": text})
    write(output / "constraint_violations.json", {"violations": found})
    print(f"{rows}, {unreadable} unreadable, {len(found)} violations")
    for one in found:
        print(f"  {one['feature_name']}: {one['constraint_check_type']}: {one['description']}")
    publish(len(found), end)


if __name__ == "__main__":
    main()
