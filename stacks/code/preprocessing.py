"""Raw CSV files into standardised train, validation and test sets.

Reads every CSV file beneath <base>/input: a header, numeric features and a
column `label`. A file `schema.json` there, if any, says what is accepted:

    {"features": {"age": {"min": 0, "max": 130, "nullable": false}, ...},
     "classes": ["no", "yes"]}

Writes one CSV file per set, header kept and label first. Nulls become the
median, outliers the fence they lie beyond, and every feature is standardised;
all of it fitted on the training rows only. Small classes of the training set
are augmented by points between neighbours. Beside the validation set (beside
the training set they would be taken for data by whoever reads that as a
baseline): `transform.json`, the fitted transform, and `report.json` and
`report.txt`, which say what was refused and what was changed. In
<base>/output/baseline stand the training rows as they came, without labels:
what requests are to be compared with.

The data may be larger than memory. Rows go through scratch files beside the
output (twice 8 bytes a value) and each step passes over them block by block.
Memory holds at most 8 (F + 1) (BUCKET + 3 SAMPLE + 5 BLOCK + C NEIGHBOURHOOD)
bytes for F features and C classes, whatever the number of rows: some 0.3 GB for 20 and 10.
Quantiles are exact up to SAMPLE training rows, and beyond it those of a
uniform sample. The same data and seed give the same files, byte for byte.

Needs numpy only. The base directory is /opt/ml/processing; for a dry run
elsewhere set SMSTACK_BASE_DIR in place of /opt/ml.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import itertools
import json
import math
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

BASE = Path(os.environ.get("SMSTACK_BASE_DIR", "/opt/ml")) / "processing"
LABEL = "label"
NULLS = {"", "na", "n/a", "nan", "null", "none"}
SHARES = {"train": 0.7, "validation": 0.15, "test": 0.15}
EXAMPLES = 5  # refused rows shown per reason
CLASSES = 1000  # more are a wrong column rather than classes
BLOCK = 65_536  # rows read at once
SAMPLE = 200_000  # training rows that quantiles are taken of
BUCKET = 500_000  # rows shuffled at once
NEIGHBOURHOOD = 2_000  # rows of a class among which neighbours are looked for
FENCE = 3.0  # interquartile ranges beyond a quartile: Tukey's "far out"


class Report:
    """What was refused, with a few places of each reason, and what was changed."""

    def __init__(self) -> None:
        self.accepted = 0
        self.refused: Counter[str] = Counter()
        self.examples: dict[str, list[str]] = {}
        self.nulls: Counter[str] = Counter()
        self.changes: dict[str, Any] = {}

    def refuse(self, reason: str, place: str) -> None:
        """Note that the row at `place` (file:line) is not used."""
        self.refused[reason] += 1
        examples = self.examples.setdefault(reason, [])
        if len(examples) < EXAMPLES:
            examples.append(place)

    @property
    def share(self) -> float:
        """The refused rows as a share of all, in 0..1."""
        refused = sum(self.refused.values())
        return refused / max(1, refused + self.accepted)

    def as_json(self) -> dict[str, Any]:
        """Everything, by name."""
        rows = {"accepted": self.accepted, "refused": self.refused, "examples": self.examples}
        return {**rows, "refused_share": self.share, "nulls": self.nulls, **self.changes}

    def as_text(self) -> str:
        """The same for a reader."""
        lines = [f"{self.accepted} rows accepted, {sum(self.refused.values())} refused"]
        for reason, count in self.refused.most_common():
            lines.append(f"  {count} x {reason}, such as {', '.join(self.examples[reason])}")
        for feature, count in self.nulls.most_common():
            lines.append(f"  {count} nulls in {feature}, filled with the median")
        for what, counts in self.changes.items():
            lines.append(f"{what.replace('_', ' ')}:")
            lines += [f"  {name}: {count}" for name, count in counts.items() if count]
        return "\n".join(lines) + "\n"

    def write(self) -> None:
        """Both forms, beside the validation set."""
        directory = BASE / "output" / "validation"
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "report.json").write_text(json.dumps(self.as_json(), indent=2) + "\n")
        (directory / "report.txt").write_text(self.as_text(), encoding="utf-8")


class Schema:
    """What a row has to look like: the features (F) by name, their bounds, the classes."""

    def __init__(self, path: Path) -> None:
        said = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        unknown = set(said) - {"features", "classes"}
        bounds = said.get("features", {})
        for feature in bounds.values():
            unknown |= set(feature) - {"min", "max", "nullable"}
        if unknown:
            sys.exit(f"{path}: nothing is known of {sorted(unknown)}")
        self.bounds: dict[str, dict[str, Any]] = bounds
        self.names: list[str] = list(bounds)
        self.classes = {str(name) for name in said["classes"]} if "classes" in said else None

    def order(self, path: Path, header: list[str]) -> list[int]:
        """Where each feature stands in a file. The first file names them if no schema does."""
        if LABEL not in header or len(set(header)) != len(header) or len(header) < 2:
            sys.exit(f"{path}: the header needs `{LABEL}`, a feature, and no name twice: {header}")
        self.names = self.names or [name for name in header if name != LABEL]
        unlike = sorted(set(header) ^ {LABEL, *self.names})
        if unlike:
            sys.exit(f"{path}: these columns are not in every file or the schema: {unlike}")
        return [header.index(name) for name in self.names]

    def row(self, texts: list[str], nulls: Counter[str]) -> list[float]:
        """A row's features, NaN for nulls. ValueError says why it is refused."""
        values = [parse_number(text) for text in texts]
        missing = [name for name, value in zip(self.names, values) if math.isnan(value)]
        if 2 * len(missing) > len(values):
            raise ValueError("more than half of the features are null")
        for name, value in zip(self.names, values):
            bound = self.bounds.get(name, {})
            if math.isnan(value):
                if not bound.get("nullable", True):
                    raise ValueError(f"{name} is null")
            elif not bound.get("min", -math.inf) <= value <= bound.get("max", math.inf):
                raise ValueError(f"{name} is out of bounds")
        nulls.update(missing)
        return values


def parse_number(text: str) -> float:
    """A finite number; NaN stands for a null. ValueError if it is neither."""
    text = text.strip()
    if text.lower() in NULLS:
        return math.nan
    try:
        number = float(text)
    except ValueError:
        number = math.inf
    # Python reads 1_000 as a number; no other reader of the same data does.
    if not math.isfinite(number) or "_" in text:
        raise ValueError("not a finite number")
    return number


def lines(path: Path, report: Report) -> Iterator[tuple[list[str], str]]:
    """A file's rows and their places. What the CSV reader can't read is refused."""
    with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
        reader = csv.reader(file)
        while True:
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                report.refuse(f"not CSV: {error}", f"{path.name}:{reader.line_num}")
                continue
            if row:
                yield row, f"{path.name}:{reader.line_num}"


def read_file(path: Path, schema: Schema, report: Report) -> Iterator[tuple[str, list[float]]]:
    """The label and features of each row that is accepted."""
    rows = lines(path, report)
    header = [name.strip() for name in next(rows, ([], ""))[0]]
    order = schema.order(path, header)
    label_at = header.index(LABEL)
    for row, place in rows:
        if len(row) != len(header):
            report.refuse("number of fields", place)
            continue
        label = row[label_at].strip()
        if label.lower() in NULLS:
            report.refuse("no label", place)
        elif "\ufffd" in label:
            report.refuse("label is not UTF-8", place)
        elif schema.classes is not None and label not in schema.classes:
            report.refuse("label is not a class of the schema", place)
        else:
            try:
                values = schema.row([row[at] for at in order], report.nulls)
            except ValueError as error:
                report.refuse(str(error), place)
                continue
            report.accepted += 1
            yield label, values


class Rows:
    """A scratch file of rows: columns of floats, the class index in the first."""

    def __init__(self, path: Path, columns: int) -> None:
        self.path, self.columns = path, columns
        path.touch()

    def add(self, rows: np.ndarray) -> None:
        """Append rows (n, columns)."""
        with self.path.open("ab") as file:
            rows.astype(np.float64).tofile(file)

    def all(self) -> np.ndarray:
        """Every row (n, columns), in memory."""
        return np.fromfile(self.path).reshape(-1, self.columns)

    def blocks(self) -> Iterator[np.ndarray]:
        """The rows, BLOCK at a time."""
        with self.path.open("rb") as file:
            while True:
                block = np.fromfile(file, count=BLOCK * self.columns).reshape(-1, self.columns)
                if not len(block):
                    return
                yield block


def read(scratch: Path, report: Report) -> tuple[list[str], list[str], Rows]:
    """Feature names (F), class names (C) and rows (N, 1 + F) of all files.

    Leaves out `code`, where SageMaker mounts this script. Classes: numbers by value, else words.
    """
    directory, code = BASE / "input", BASE / "input" / "code"
    files = sorted(path for path in directory.rglob("*.csv") if code not in path.parents)
    if not files:
        sys.exit(f"{directory}: no CSV file")
    schema = Schema(directory / "schema.json")
    seen: dict[str, int] = {}  # in the order of their first row
    raw = Rows(scratch / "raw", 0)
    for path in files:
        accepted = read_file(path, schema, report)
        while block := list(itertools.islice(accepted, BLOCK)):
            raw.add(np.array([[seen.setdefault(name, len(seen)), *row] for name, row in block]))
            if len(seen) > CLASSES:
                sys.exit(f"{path}: more than {CLASSES} classes; is `{LABEL}` the right column?")
    raw.columns = 1 + len(schema.names)
    classes = sorted(seen)
    with contextlib.suppress(ValueError):  # words
        classes.sort(key=float)
    index = np.array([classes.index(label) for label in seen], dtype=float)
    rows = Rows(scratch / "rows", raw.columns)
    for numbered in raw.blocks():
        numbered[:, 0] = index[numbered[:, 0].astype(int)]
        rows.add(numbered)
    raw.path.unlink()
    return schema.names, classes, rows


class Split:
    """Deals rows to sets: of every class its exact share, and in each set at least one.

    Each row is drawn from what is left of its class: one pass, no memory but the counts.
    """

    def __init__(self, counts: np.ndarray, classes: list[str], seed: int) -> None:
        small = [name for name, count in zip(classes, counts) if count < len(SHARES)]
        if small:
            sys.exit(f"each of {list(SHARES)} needs a row of every class; too few of {small}")
        self.random = np.random.default_rng(seed)
        shares = [SHARES[name] for name in ("validation", "test")]
        held_out = [np.maximum(1, np.round(counts * share).astype(int)) for share in shares]
        self.left = np.stack([counts - held_out[0] - held_out[1], *held_out], axis=1).tolist()

    def deal(self, classes: np.ndarray) -> np.ndarray:
        """Each row's set (n), as an index into SHARES; the rows' class indices (n)."""
        sets = np.empty(len(classes), dtype=int)
        for at, (which, draw) in enumerate(zip(classes.tolist(), self.random.random(len(classes)))):
            left = self.left[which]
            draw *= sum(left)
            chosen = 0 if draw < left[0] else 1 if draw < left[0] + left[1] else 2
            left[chosen] -= 1
            sets[at] = chosen
        return sets


class Sample:
    """A uniform sample of at most `size` rows of a stream (reservoir sampling)."""

    def __init__(self, size: int, columns: int, seed: int) -> None:
        self.random, self.size, self.seen = np.random.default_rng(seed), size, 0
        self.kept = np.empty((0, columns))

    def add(self, rows: np.ndarray) -> None:
        """Offer rows (n, columns)."""
        room = self.size - len(self.kept)
        self.kept = np.concatenate([self.kept, rows[:room]]) if room else self.kept
        rest = rows[room:]
        seen = self.seen + min(room, len(rows))
        places = self.random.integers(0, np.arange(seen, seen + len(rest)) + 1)
        for row, place in zip(rest, places):
            if place < self.size:
                self.kept[place] = row
        self.seen += len(rows)


def fit_fences(sample: np.ndarray, names: list[str]) -> dict[str, np.ndarray]:
    """Median, low and high fence (F each) of training rows (n, F) with NaN for nulls.

    A feature that hardly varies has no spread to judge by: its fences are what was seen.
    """
    empty = np.isnan(sample).all(axis=0)
    if empty.any():
        sys.exit(f"no value in the training set: {[names[at] for at in np.flatnonzero(empty)]}")
    low, median, high = np.nanquantile(sample, [0.25, 0.5, 0.75], axis=0)
    spread = FENCE * (high - low)
    flat = spread == 0
    return {
        "median": median,
        "low": np.where(flat, np.nanmin(sample, axis=0), low - spread),
        "high": np.where(flat, np.nanmax(sample, axis=0), high + spread),
    }


def fill(transform: dict[str, np.ndarray], features: np.ndarray) -> np.ndarray:
    """Features (n, F) without nulls and outliers."""
    filled = np.where(np.isnan(features), transform["median"], features)
    return np.clip(filled, transform["low"], transform["high"])


def apply(transform: dict[str, np.ndarray], features: np.ndarray) -> np.ndarray:
    """Features (n, F) without nulls and outliers, in standard deviations from the training mean."""
    return (fill(transform, features) - transform["mean"]) / transform["standard_deviation"]


def fit(train: Rows, names: list[str], seed: int) -> dict[str, np.ndarray]:
    """The transform of the training rows: two passes, quantiles and then moments."""
    sample = Sample(SAMPLE, len(names), seed)
    for block in train.blocks():
        sample.add(block[:, 1:])
    transform = fit_fences(sample.kept, names)
    # Sums about the median: numbers far from zero would lose their digits otherwise.
    count, total, squares = 0, np.zeros(len(names)), np.zeros(len(names))
    for block in train.blocks():
        off = fill(transform, block[:, 1:]) - transform["median"]
        count, total, squares = count + len(off), total + off.sum(0), squares + (off**2).sum(0)
    deviation = np.sqrt(np.maximum(0, squares / count - (total / count) ** 2))
    deviation[deviation < 1e-12] = 1.0  # a constant feature becomes 0
    mean = transform["median"] + total / count
    return {**transform, "mean": mean, "standard_deviation": deviation}


def between_neighbours(rows: np.ndarray, count: int, random: np.random.Generator) -> np.ndarray:
    """`count` new points on lines from rows (n, F) to one of their five nearest (SMOTE)."""
    square = (rows**2).sum(axis=1)
    distance = square[:, None] - 2 * rows @ rows.T + square
    np.fill_diagonal(distance, np.inf)
    nearest = distance.argsort(axis=1, kind="stable")[:, : min(5, len(rows) - 1)]
    base = random.integers(0, len(rows), count)
    other = nearest[base, random.integers(0, nearest.shape[1], count)]
    return rows[base] + random.random((count, 1)) * (rows[other] - rows[base])


class Shuffle:
    """Writes one set as a CSV file in random order, of any size.

    Rows go to random buckets, and each bucket is shuffled in memory.
    """

    def __init__(self, scratch: Path, columns: int, rows: int, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        scratch.mkdir()
        self.buckets = [
            Rows(scratch / f"bucket-{at}", columns) for at in range(math.ceil(rows / BUCKET) or 1)
        ]

    def add(self, rows: np.ndarray) -> None:
        """Scatter rows (n, columns)."""
        which = self.random.integers(0, len(self.buckets), len(rows))
        for at, bucket in enumerate(self.buckets):
            bucket.add(rows[which == at])

    def write(self, path: Path, header: list[str], labels: bool = True) -> None:
        """The class index first, then the features; without labels as they came, nulls empty."""
        digits = 8 if labels else 17
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow([LABEL, *header] if labels else header)
            for bucket in self.buckets:
                rows = bucket.all()
                order = self.random.permutation(len(rows))
                # As Python's numbers a bucket would be four times as large.
                for start in range(0, len(rows), BLOCK):
                    for label, *row in rows[order[start : start + BLOCK]].tolist():
                        values = ["" if math.isnan(v) else f"{v:.{digits}g}" for v in row]
                        writer.writerow([int(label), *values] if labels else values)


def augment(train: Shuffle, samples: list[Sample], balance: float, seed: int) -> list[int]:
    """Bring small classes to `balance` of the largest; how many rows of each class (C) were made.

    At most nine for each real row: more would only teach the few by heart.
    """
    random = np.random.default_rng(seed)
    target = math.floor(balance * max(sample.seen for sample in samples))
    made = []
    for which, sample in enumerate(samples):
        count = min(target - sample.seen, 9 * sample.seen) if len(sample.kept) > 1 else 0
        made.append(max(0, count))
        for start in range(0, count, BLOCK):
            rows = between_neighbours(sample.kept, min(BLOCK, count - start), random)
            train.add(np.column_stack([np.full(len(rows), which), rows]))
    return made


def write(
    scratch: Path, names: list[str], classes: list[str], rows: Rows, args: argparse.Namespace
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Split, fit, transform, augment and write the sets; the transform, and what was changed."""
    counts = np.zeros(len(classes), dtype=int)
    for block in rows.blocks():
        counts += np.bincount(block[:, 0].astype(int), minlength=len(classes))
    split = Split(counts, classes, args.seed)
    sets = {name: Rows(scratch / name, rows.columns) for name in SHARES}
    for block in rows.blocks():
        dealt = split.deal(block[:, 0].astype(int))
        for at, name in enumerate(SHARES):
            sets[name].add(block[dealt == at])
    transform = fit(sets["train"], names, args.seed + 1)

    changes: dict[str, Any] = {}
    fenced = np.zeros(len(names), dtype=int)
    samples = [Sample(NEIGHBOURHOOD, len(names), args.seed + 2) for _ in classes]
    for at, (name, part) in enumerate(sets.items()):
        place = scratch / f"shuffle-{name}"
        shuffle = Shuffle(place, rows.columns, int(counts.sum()), args.seed + 3 + at)
        for block in part.blocks():
            labels, features = block[:, :1], block[:, 1:]
            fenced += ((features < transform["low"]) | (features > transform["high"])).sum(axis=0)
            features = apply(transform, features)
            shuffle.add(np.hstack([labels, features]))
            if name == "train":
                for which, sample in enumerate(samples):
                    sample.add(features[labels[:, 0] == which])
        if name == "train":
            made = augment(shuffle, samples, args.balance, args.seed + 6)
            changes["rows_made_by_augmentation"] = dict(zip(classes, made))
        shuffle.write(BASE / "output" / name / f"{name}.csv", names)
    changes["values_fenced_in"] = dict(zip(names, fenced.tolist()))
    changes["rows_by_class"] = dict(zip(classes, counts.tolist()))

    baseline = Shuffle(scratch / "baseline", rows.columns, int(counts.sum()), args.seed + 7)
    for block in sets["train"].blocks():
        baseline.add(block)
    baseline.write(BASE / "output" / "baseline" / "baseline.csv", names, labels=False)
    return transform, changes


def main() -> None:
    """Read, check, split, fit on the training rows only, write."""
    parser = argparse.ArgumentParser(
        description="Raw CSV files into train, validation and test sets."
    )
    parser.add_argument("--seed", type=int, default=20240501)
    parser.add_argument("--max-refused", type=float, default=0.05, help="share of rows, 0..1")
    parser.add_argument(
        "--balance", type=float, default=0.5, help="classes at least this share of the largest"
    )
    args = parser.parse_args()

    report = Report()
    output = BASE / "output"
    output.mkdir(parents=True, exist_ok=True)
    # Beside the sets, so that it lies on the job's volume; never in one of them.
    with tempfile.TemporaryDirectory(dir=output, prefix="scratch-") as directory:
        names, classes, rows = read(Path(directory), report)
        report.write()  # for whoever has to find out why it ends here
        if report.share > args.max_refused:
            limit = f"{args.max_refused:.1%}"
            sys.exit(f"{report.as_text()}{report.share:.1%} of the rows were refused: over {limit}")
        if len(classes) < 2:
            sys.exit(f"a classifier needs two classes or more, found {classes}")
        transform, report.changes = write(Path(directory), names, classes, rows, args)
    report.write()
    print(report.as_text(), end="")
    fitted: dict[str, Any] = {"features": names, "classes": classes}
    fitted.update({name: values.tolist() for name, values in transform.items()})
    path = output / "validation" / "transform.json"
    path.write_text(json.dumps(fitted, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
