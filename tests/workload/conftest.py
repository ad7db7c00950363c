"""What the tests share: the data, the sets made of it, and one trained model."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

import dataset
from contract import process, start_training, succeed, train

EPOCHS = 10


class Prepared(NamedTuple):
    """A run of preprocessing."""

    raw: np.ndarray
    classes: np.ndarray
    base: Path
    sets: Path
    log: str


class Trained(NamedTuple):
    """A training job that was killed once, and started again."""

    first: str
    second: str
    model: Path


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """The data set through preprocessing."""
    base = tmp_path_factory.mktemp("prepared")
    features, classes = dataset.generate()
    dataset.write(base / "processing" / "input", features, classes)
    log = succeed(process("preprocessing.py", base))
    return Prepared(features, classes, base, base / "processing" / "output", log)


@pytest.fixture(scope="session")
def trained(prepared: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A model trained in two goes: killed after the third epoch, as spot capacity is taken away."""
    base = tmp_path_factory.mktemp("trained")
    job = start_training(base, prepared.sets, epochs=EPOCHS, hidden_units=128)
    assert job.stdout is not None
    first = ""
    for line in job.stdout:
        first += line
        if re.match("epoch: 3 ", line):
            break
    os.killpg(job.pid, signal.SIGKILL)  # the toolkit and the script that it started
    job.wait()
    second = train(base, prepared.sets, epochs=EPOCHS, hidden_units=128)
    return Trained(first, second, base / "model")
