"""The network and its data: a dense classifier over standardised features."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf


def build(
    features: int,
    classes: int,
    *,
    hidden_units: int,
    hidden_layers: int,
    dropout_rate: float,
    l2: float,
) -> tf.keras.Model:
    """(N, features) standardised floats to (N, classes) probabilities.

    Each hidden layer is half as wide as the one before: dense, batch
    normalisation, ReLU, dropout. `l2` is the penalty on the dense weights.
    """
    layers = [tf.keras.Input(shape=(features,), name="features")]
    for depth in range(hidden_layers):
        units = max(4, hidden_units >> depth)
        penalty = tf.keras.regularizers.L2(l2)
        layers += [
            # Batch normalisation brings the bias.
            tf.keras.layers.Dense(units, use_bias=False, kernel_regularizer=penalty),
            tf.keras.layers.BatchNormalization(),
            tf.keras.layers.ReLU(),
            tf.keras.layers.Dropout(dropout_rate),
        ]
    layers.append(tf.keras.layers.Dense(classes, activation="softmax", name="probabilities"))
    return tf.keras.Sequential(layers)


class Serving(tf.Module):
    """What the SavedModel answers: probabilities (N, C) of raw or standardised features (N, F).

    The transform is computed as preprocessing computes it, in doubles, so that
    a request meets the network as a training row did.
    """

    def __init__(self, network: tf.keras.Model, transform: dict[str, Any]) -> None:
        super().__init__()
        self.network = network
        for name in ("median", "low", "high", "mean", "standard_deviation"):
            setattr(self, name, tf.constant(transform[name], tf.float64))

    def standardise(self, features: tf.Tensor) -> tf.Tensor:
        """Doubles (N, F), NaN for nulls, to standardised floats (N, F)."""
        filled = tf.where(tf.math.is_nan(features), self.median, features)
        fenced = tf.clip_by_value(filled, self.low, self.high)
        return tf.cast((fenced - self.mean) / self.standard_deviation, tf.float32)

    def save(self, directory: Path) -> None:
        """A SavedModel of three signatures: raw, which is the default, standardised, transform."""
        width = self.median.shape[0]
        raw = tf.TensorSpec([None, width], tf.float64, name="features")
        done = tf.TensorSpec([None, width], tf.float32, name="features")

        @tf.function(input_signature=[done])
        def standardised(features: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"probabilities": self.network(features, training=False)}

        @tf.function(input_signature=[raw])
        def serving_default(features: tf.Tensor) -> dict[str, tf.Tensor]:
            return standardised(self.standardise(features))

        @tf.function(input_signature=[raw])
        def transform(features: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"features": self.standardise(features)}

        signatures = {
            "serving_default": serving_default,
            "standardised": standardised,
            "transform": transform,
        }
        tf.saved_model.save(self, str(directory), signatures)


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


def count(directory: Path, features: int) -> int:
    """A channel's rows, read once and not kept. ValueError unless all have `features` features."""
    rows = 0
    for path in files(directory):
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.reader(file)
            for row in reader:
                if row and len(row) != features + 1:
                    place = f"{path}:{reader.line_num}"
                    raise ValueError(f"{place}: not a label and {features} features")
                rows += bool(row)
            rows -= 1  # the header
    if rows < 1:
        raise ValueError(f"{directory}: no rows")
    return rows


def stream(
    paths: list[str], features: int, batch_size: int, rows: int, seed: int
) -> tf.data.Dataset:
    """Endless shuffled batches of features (B, features) and class indices (B).

    The files are read where the dataset runs, so a worker reads its own copy.
    """
    defaults = [tf.int64] + [tf.float32] * features
    table = tf.data.experimental.CsvDataset(paths, defaults, header=True)
    table = table.map(lambda label, *values: (tf.stack(values), label))
    # A larger table than this would not be sure to fit in memory as tensors.
    table = table.cache() if rows <= 2_000_000 else table
    return table.shuffle(min(rows, 100_000), seed=seed).repeat().batch(batch_size).prefetch(2)
