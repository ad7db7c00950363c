"""The network and its data: a dense classifier over standardised features."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import tensorflow as tf


def build(features: int, classes: int, hidden_units: int, dropout_rate: float) -> tf.keras.Model:
    """(N, features) standardised floats to (N, classes) probabilities."""
    return tf.keras.Sequential(
        [
            tf.keras.Input(shape=(features,), name="features"),
            tf.keras.layers.Dense(hidden_units, activation="relu"),
            tf.keras.layers.Dropout(dropout_rate),
            tf.keras.layers.Dense(max(1, hidden_units // 2), activation="relu"),
            tf.keras.layers.Dropout(dropout_rate),
            tf.keras.layers.Dense(classes, activation="softmax", name="probabilities"),
        ]
    )


def files(directory: Path) -> list[Path]:
    """The CSV files of a channel, sorted."""
    found = sorted(directory.rglob("*.csv"))
    if not found:
        raise FileNotFoundError(f"{directory}: no CSV file")
    return found


def read(directory: Path) -> tuple[np.ndarray, np.ndarray]:
    """A channel's features (N, F) and class indices (N). The label is the first column."""
    rows: list[list[str]] = []
    for path in files(directory):
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.reader(file)
            next(reader, None)
            rows += [row for row in reader if row]
    table = np.array(rows, dtype=np.float32)
    if table.ndim != 2 or table.shape[1] < 2:
        raise ValueError(f"{directory}: no rows of a label and features")
    return table[:, 1:], table[:, 0].astype(np.int64)


def stream(
    paths: list[str], features: int, batch_size: int, rows: int, seed: int
) -> tf.data.Dataset:
    """Endless shuffled batches of features (B, features) and class indices (B).

    The files are read where the dataset runs, so a worker reads its own copy.
    """
    defaults = [tf.int64] + [tf.float32] * features
    table = tf.data.experimental.CsvDataset(paths, defaults, header=True)
    table = table.map(lambda label, *values: (tf.stack(values), label)).cache()
    return table.shuffle(min(rows, 100_000), seed=seed).repeat().batch(batch_size).prefetch(2)
