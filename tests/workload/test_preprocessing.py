"""What preprocessing makes of bad data."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from scipy import spatial

import dataset
from conftest import Prepared
from contract import CODE, SETS, load, process


def table(path: Path) -> np.ndarray:
    """A CSV file with a header as numbers, NaN for empty fields."""
    with path.open(newline="") as file:
        rows = list(csv.reader(file))[1:]
    return np.array([[float(text) if text else np.nan for text in row] for row in rows])


def ordered(rows: np.ndarray) -> np.ndarray:
    """Rows in an order that depends on nothing but them."""
    return rows[np.lexsort(np.nan_to_num(rows, nan=1e300).T[::-1])]


def read(sets: Path) -> dict[str, np.ndarray]:
    """The three sets."""
    return {name: table(sets / name / f"{name}.csv") for name in SETS}


def test_every_refused_row_is_reported(prepared: Prepared) -> None:
    report = json.loads((prepared.sets / "validation" / "report.json").read_text())
    assert report["accepted"] == len(prepared.classes)
    assert report["refused"] == {
        "not a finite number": dataset.BAD // 2,
        "no label": dataset.BAD // 4,
        "more than half of the features are null": dataset.BAD // 4,
    }
    nulls = np.isnan(prepared.raw).sum(axis=0).tolist()
    assert report["nulls"] == dict(zip(dataset.FEATURES, nulls))
    text = (prepared.sets / "validation" / "report.txt").read_text()
    assert "6000 rows accepted, 40 refused" in text
    # The place is one that an editor finds: line 1 is the header, and 2000 good rows come first.
    assert "20 x not a finite number, such as part-2.csv:2002, " in text
    assert text in prepared.log


def test_classes_keep_their_shares_and_no_row_is_lost(prepared: Prepared) -> None:
    sets = read(prepared.sets)
    report = json.loads((prepared.sets / "validation" / "report.json").read_text())
    made = list(report["rows_made_by_augmentation"].values())
    counts = np.bincount(prepared.classes)
    by_set = {name: np.bincount(rows[:, 0].astype(int)) for name, rows in sets.items()}
    for name in ("validation", "test"):
        assert by_set[name].tolist() == np.round(counts * 0.15).astype(int).tolist()
    assert (by_set["train"] - made + by_set["validation"] + by_set["test"] == counts).all()
    assert by_set["train"].min() >= by_set["train"].max() // 2
    assert made[0] == 0 and made[-1] > 0


def expected_transform(train: np.ndarray) -> dict[str, np.ndarray]:
    """The transform of training rows (n, F), in memory and by the book."""
    median = np.nanmedian(train, axis=0)
    low, high = np.nanquantile(train, [0.25, 0.75], axis=0)
    low, high = low - 3 * (high - low), high + 3 * (high - low)
    filled = np.clip(np.where(np.isnan(train), median, train), low, high)
    return {
        "median": median,
        "low": low,
        "high": high,
        "mean": filled.mean(axis=0),
        "standard_deviation": filled.std(axis=0),
    }


def standardise(transform: dict[str, np.ndarray], rows: np.ndarray) -> np.ndarray:
    """Raw rows (n, F) as the sets have them."""
    filled = np.where(np.isnan(rows), transform["median"], rows)
    fenced = np.clip(filled, transform["low"], transform["high"])
    return (fenced - transform["mean"]) / transform["standard_deviation"]


def test_the_transform_is_that_of_the_training_rows_alone(prepared: Prepared) -> None:
    fitted = json.loads((prepared.sets / "validation" / "transform.json").read_text())
    train = table(prepared.sets / "baseline" / "baseline.csv")
    expected = expected_transform(train)
    for name, values in expected.items():
        np.testing.assert_allclose(fitted[name], values, rtol=1e-6, atol=1e-9, err_msg=name)
    everything = expected_transform(prepared.raw)
    assert not np.allclose(fitted["mean"], everything["mean"], rtol=1e-6)

    # Every row of every set is a raw row, transformed; what is left over was made for training.
    sets = read(prepared.sets)
    transform = {name: np.array(fitted[name]) for name in expected}
    raw = np.column_stack([prepared.classes, standardise(transform, prepared.raw)])
    known = spatial.cKDTree(raw)
    new = {name: int((known.query(rows)[0] > 1e-5).sum()) for name, rows in sets.items()}
    report = json.loads((prepared.sets / "validation" / "report.json").read_text())
    made = sum(report["rows_made_by_augmentation"].values())
    assert new == {"train": made, "validation": 0, "test": 0}
    # No outlier is left: beyond the fences there were values of ten thousand deviations.
    assert max(np.abs(rows[:, 1:]).max() for rows in sets.values()) < 10


def test_made_rows_lie_between_real_ones() -> None:
    module = load(CODE / "preprocessing.py")
    random = np.random.default_rng(5)
    # Two clusters far apart: a point between clusters would be far from both.
    rows = np.concatenate([random.normal(0, 1, (40, 3)), random.normal(100, 1, (40, 3))])
    made = module.between_neighbours(rows, 500, random)
    nearest = np.linalg.norm(made[:, None] - rows, axis=2).min(axis=1)
    assert nearest.max() < 3
    assert (made >= rows.min(axis=0)).all() and (made <= rows.max(axis=0)).all()


@pytest.mark.parametrize("sample", [200_000, 1500])
def test_streaming_is_the_same_as_in_memory(
    prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sample: int
) -> None:
    (tmp_path / "processing").mkdir()
    (tmp_path / "processing" / "input").symlink_to(prepared.base / "processing" / "input")
    monkeypatch.setenv("SMSTACK_BASE_DIR", str(tmp_path))
    monkeypatch.setattr("sys.argv", ["preprocessing.py"])
    module = load(CODE / "preprocessing.py")
    # Blocks and buckets far smaller than the data, as for data far larger than memory.
    for name, value in {"BLOCK": 97, "BUCKET": 500, "SAMPLE": sample}.items():
        monkeypatch.setattr(module, name, value)
    module.main()
    output = tmp_path / "processing" / "output"
    assert sorted(path.name for path in output.iterdir()) == ["baseline", *sorted(SETS)]
    whole = json.loads((prepared.sets / "validation" / "transform.json").read_text())
    streamed = json.loads((output / "validation" / "transform.json").read_text())
    deviation = np.array(whole["standard_deviation"])
    exact = sample > 6000
    for name in ("median", "low", "high", "mean", "standard_deviation"):
        off = np.abs(np.array(streamed[name]) - whole[name]) / deviation
        assert off.max() < (1e-9 if exact else 0.5), name
    if exact:
        before, after = read(prepared.sets), read(output)
        for name in ("validation", "test"):
            np.testing.assert_allclose(ordered(after[name]), ordered(before[name]), atol=1e-6)
        assert after["train"].shape == before["train"].shape


def test_a_schema_is_enforced(tmp_path: Path) -> None:
    place = tmp_path / "processing" / "input"
    place.mkdir(parents=True)
    rows = "".join(f"{at % 30},{at},{'no' if at % 3 else 'yes'}\n" for at in range(300))
    (place / "a.csv").write_text(f"age,score,label\n{rows}-1,2,yes\n,2,yes\n5,2,perhaps\n5,,no\n")
    features = {"age": {"min": 0, "max": 130, "nullable": False}, "score": {}}
    schema = {"features": features, "classes": ["yes", "no"]}
    (place / "schema.json").write_text(json.dumps(schema))
    done = process("preprocessing.py", tmp_path)
    assert done.returncode == 0, done.stderr
    report = tmp_path / "processing" / "output" / "validation" / "report.json"
    assert json.loads(report.read_text())["refused"] == {
        "age is out of bounds": 1,
        "age is null": 1,
        "label is not a class of the schema": 1,
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "no CSV file"),
        ("a,b\n1,2\n", "the header needs `label`"),
        ("a,label\n1,x\n2,x\n3,x\n", "a classifier needs two classes or more"),
        ("a,label\n1,x\n2,y\nz,y\n", "1 x not a finite number, such as a.csv:4"),
        ("a,label\n1,x\n2,y\n3,y\n4,y\n", "too few of ['x']"),
        ("a,label\n" + ",x\n,y\n" * 30, "100.0% of the rows were refused"),
        ("", "the header needs `label`"),
    ],
)
def test_what_cannot_be_used_ends_with_a_reason(
    tmp_path: Path, text: str | None, said: str
) -> None:
    place = tmp_path / "processing" / "input"
    place.mkdir(parents=True)
    if text is not None:
        (place / "a.csv").write_text(text)
    done = process("preprocessing.py", tmp_path)
    assert done.returncode == 1
    assert said in done.stderr and "Traceback" not in done.stderr, done.stderr
