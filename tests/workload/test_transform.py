"""The trained model in a batch transform, as `smstack run --local` does it."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dataset
from conftest import Prepared, Trained
from contract import CODE, environment

pytest.importorskip("requests")  # TensorFlow Serving's container has it
SERVE = CODE.parents[1] / "src" / "local_run" / "serve.py"


def transform(base: Path, model: Path, **more: Any) -> subprocess.CompletedProcess[str]:
    """A transform job over <base>/input, into <base>/output."""
    job = dict.fromkeys(("split", "strategy", "accept", "assemble", "input_filter"))
    job.update(dict.fromkeys(("output_filter", "join", "gzip")))
    job.update(framework="tensorflow", model=str(model), payload=6 << 20, content_type="text/csv")
    job.update(input=str(base / "input"), output=str(base / "output"))
    job["objects"] = sorted(path.name for path in (base / "input").iterdir())
    (base / "job.json").write_text(json.dumps({**job, **more}))
    return subprocess.run(
        [sys.executable, str(SERVE), str(base / "job.json")],
        env=environment(base),
        capture_output=True,
        text=True,
        check=False,
    )


def test_rows_are_predicted_by_the_models_handler(
    prepared: Prepared, trained: Trained, tmp_path: Path
) -> None:
    rows = prepared.raw[:500]
    place = tmp_path / "input"
    place.mkdir()
    with (place / "rows.csv").open("w", newline="") as file:
        texts = [["" if np.isnan(v) else repr(v) for v in row] for row in rows.tolist()]
        csv.writer(file, lineterminator="\n").writerows(texts)
    # A payload for some of the rows: several requests, each answered by a line.
    done = transform(tmp_path, trained.model, split="Line", payload=40_000, assemble="Line")
    assert done.returncode == 0, done.stderr
    lines = (tmp_path / "output" / "rows.csv.out").read_text().splitlines()
    assert done.stdout == f"rows.csv: {len(lines)} requests\n" and len(lines) > 3
    answers = [one for line in lines for one in json.loads(line)["predictions"]]
    right = prepared.classes[: len(rows)] == [int(one["class"]) for one in answers]
    assert right.mean() > 0.85


def test_rows_are_joined_with_their_predictions(trained: Trained, tmp_path: Path) -> None:
    place = tmp_path / "input"
    place.mkdir()
    asked = [{"id": at, "instances": [dict.fromkeys(dataset.FEATURES, at)]} for at in range(3)]
    (place / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in asked))
    done = transform(
        tmp_path,
        trained.model,
        content_type="application/json",
        split="Line",
        strategy="SingleRecord",
        assemble="Line",
        join=True,
        output_filter="$['id','SageMakerOutput']",
    )
    assert done.returncode == 0, done.stderr
    lines = (tmp_path / "output" / "rows.jsonl.out").read_text().splitlines()
    answers = [json.loads(line) for line in lines]
    assert [list(one) for one in answers] == [["id", "SageMakerOutput"]] * 3
    assert [one["id"] for one in answers] == [0, 1, 2]
    for one in answers:
        assert len(one["SageMakerOutput"]["predictions"][0]["probabilities"]) == dataset.CLASSES


@pytest.mark.parametrize(
    ("row", "payload", "said"),
    [
        ("1,2", 6 << 20, "rows.csv, request 1: 400 Bad Request: "),
        ("1,2" * 100, 100, "rows.csv: a record has 301 bytes, more than a request may have (100)"),
    ],
)
def test_what_cannot_be_predicted_ends_the_job(
    trained: Trained, tmp_path: Path, row: str, payload: int, said: str
) -> None:
    (tmp_path / "input").mkdir()
    (tmp_path / "input" / "rows.csv").write_text(row + "\n")
    done = transform(tmp_path, trained.model, payload=payload)
    assert done.returncode == 1
    assert said in done.stderr and "Traceback" not in done.stderr
