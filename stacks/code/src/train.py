"""Train the classifier: SageMaker's entry point for one training job.

Channels `train` and `validation` hold CSV files, label first. Prints one line
per epoch, whose words are what the job's metric definitions look for:

    epoch: 3 loss: 0.412345 val_accuracy: 0.876543 (best 0.876543)

Numbers are written without an exponent and no other text contains `loss: ` or
`val_accuracy: `. After each epoch the state goes to <base>/checkpoints; a job
that was interrupted carries on from there. The best epoch's model is saved as
a SavedModel in SM_MODEL_DIR/1, the fitted transform inside, and the inference
handler beside it in SM_MODEL_DIR/code, where the serving container looks for
it. Several GPUs of one host train as mirrors; hosts that the container sets up
as parameter servers and workers (TF_CONFIG) work asynchronously. For a dry run
set SMSTACK_BASE_DIR in place of /opt/ml.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import socket
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

import model as network

BASE = Path(os.environ.get("SMSTACK_BASE_DIR", "/opt/ml"))
NETWORK = ("hidden_units", "hidden_layers", "dropout_rate", "l2")
SETTINGS = (*NETWORK, "batch_size", "learning_rate", "seed")


def parse_args() -> argparse.Namespace:
    """The hyperparameters. Those that only the platform knows of are passed over."""
    parser = argparse.ArgumentParser(description="Train the classifier.")
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--batch_size", type=int, default=64, help="rows")
    parser.add_argument("--learning_rate", type=float, default=0.001)
    parser.add_argument("--dropout_rate", type=float, default=0.3)
    parser.add_argument("--hidden_units", type=int, default=128, help="of the first layer")
    parser.add_argument("--hidden_layers", type=int, default=3, help="each half as wide")
    parser.add_argument("--l2", type=float, default=1e-4, help="penalty on the weights")
    parser.add_argument(
        "--patience", type=int, default=10, help="epochs without a better val_accuracy"
    )
    parser.add_argument("--seed", type=int, default=20240501)
    parser.add_argument("--model_dir", help="where the platform would keep checkpoints; not used")
    args, others = parser.parse_known_args()
    if others:
        print(f"not used: {others}", file=sys.stderr)
    return args


def channel(name: str) -> Path:
    """The directory of a channel."""
    return Path(os.environ.get(f"SM_CHANNEL_{name.upper()}", BASE / "input" / "data" / name))


class Epochs(tf.keras.callbacks.Callback):
    """Validates, reports, checkpoints and stops early, after every epoch.

    The state is one file of plain arrays that this process writes: variables
    may live on other hosts, whose disks it can't rely on.
    """

    def __init__(self, features: np.ndarray, classes: np.ndarray, args: argparse.Namespace) -> None:
        super().__init__()
        self.features, self.classes, self.patience = features, classes, args.patience
        # The jobs of a tuning job share the directory: a file for each.
        job = os.environ.get("TRAINING_JOB_NAME", "state")
        self.file = BASE / "checkpoints" / f"{job}.npz"
        # More epochs, or more patience, carry on from the same state.
        kept = {name: value for name, value in vars(args).items() if name in SETTINGS}
        self.settings = json.dumps(kept, sort_keys=True)
        self.next_epoch = 0
        self.best_accuracy = -math.inf
        self.best_weights: list[np.ndarray] = []
        self.waited = 0

    def restore(self) -> None:
        """Carry on from a checkpoint of a job with the same settings and shapes, if any."""
        if not self.file.exists():
            return
        with np.load(self.file) as state:
            saved = {name: state[name] for name in state.files}
        weights, best, optimizer = (
            self._list(saved, part) for part in ("weights", "best", "optimizer")
        )
        variables = self.model.optimizer.variables
        here = [value.shape for value in self.model.get_weights()] + [
            tuple(v.shape) for v in variables
        ]
        there = [value.shape for value in weights + optimizer]
        if str(saved["settings"]) != self.settings or here != there:
            print("the checkpoint is of another job; starting anew", file=sys.stderr)
            return
        self.model.set_weights(weights)
        for variable, value in zip(variables, optimizer):
            variable.assign(value)
        self.next_epoch, self.waited = int(saved["next_epoch"]), int(saved["waited"])
        self.best_accuracy, self.best_weights = float(saved["best_accuracy"]), best
        print(f"carrying on after epoch {self.next_epoch}")

    @property
    def done(self) -> bool:
        """Whether there has been nothing better for long enough."""
        return self.waited >= self.patience

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Validate on this process, report, and write the state."""
        loss = float((logs or {}).get("loss", math.nan))
        if not math.isfinite(loss):
            sys.exit(f"the loss is {loss} after epoch {epoch + 1}: lower the learning rate")
        accuracy = self._accuracy()
        self.next_epoch, self.waited = epoch + 1, self.waited + 1
        if accuracy > self.best_accuracy:
            self.best_accuracy, self.best_weights, self.waited = (
                accuracy,
                self.model.get_weights(),
                0,
            )
        print(
            f"epoch: {epoch + 1} loss: {loss:.6f} val_accuracy: {accuracy:.6f}",
            f"(best {self.best_accuracy:.6f})",
            flush=True,
        )
        self._save()
        if self.done:
            self.model.stop_training = True

    def _accuracy(self) -> float:
        """The share of validation rows whose most probable class is right."""
        right = 0
        for start in range(0, len(self.classes), 4096):
            rows = slice(start, start + 4096)
            probabilities = self.model(self.features[rows], training=False).numpy()
            right += int((probabilities.argmax(axis=1) == self.classes[rows]).sum())
        return right / len(self.classes)

    def _save(self) -> None:
        """Write aside, then rename: an interruption leaves the old state or the new one."""
        optimizer = [variable.numpy() for variable in self.model.optimizer.variables]
        parts = {
            "weights": self.model.get_weights(),
            "best": self.best_weights,
            "optimizer": optimizer,
        }
        arrays = {
            f"{part}_{at:04}": value
            for part, values in parts.items()
            for at, value in enumerate(values)
        }
        self.file.parent.mkdir(parents=True, exist_ok=True)
        aside = self.file.with_name("state.tmp.npz")
        np.savez(
            aside,
            settings=self.settings,
            next_epoch=self.next_epoch,
            waited=self.waited,
            best_accuracy=self.best_accuracy,
            **arrays,
        )
        aside.replace(self.file)

    @staticmethod
    def _list(saved: dict[str, np.ndarray], part: str) -> list[np.ndarray]:
        """The arrays of one part, in their order."""
        return [saved[name] for name in sorted(saved) if name.startswith(f"{part}_0")]


def cluster() -> tuple[dict[str, list[str]], str, int]:
    """Hosts by role, and this process's role and number, from TF_CONFIG.

    No hosts when it is alone.

    SageMaker names the first host `master`; TensorFlow 2 calls that one `chief`.
    """
    config = json.loads(os.environ.get("TF_CONFIG") or "{}")
    hosts = {
        ("chief" if role == "master" else role): at
        for role, at in config.get("cluster", {}).items()
    }
    task = config.get("task", {})
    role = "chief" if task.get("type") in (None, "master") else task["type"]
    if not (hosts.get("worker") and hosts.get("ps")):
        return {}, "chief", 0
    return hosts, role, int(task.get("index", 0))


def serve(hosts: dict[str, list[str]], role: str, index: int) -> None:
    """Compute for the chief until it is gone: SageMaker waits for every host."""
    server = tf.distribute.Server(tf.train.ClusterSpec(hosts), job_name=role, task_index=index)
    print(f"{role} {index} serves at {server.target}")
    host, port = hosts["chief"][0].rsplit(":", 1)
    seen, missed, patience = False, 0, 120  # tries, 5 s apart, for the chief to appear
    while missed < (3 if seen else patience):
        try:
            socket.create_connection((host, int(port)), timeout=5).close()
            seen, missed = True, 0
        except OSError:
            missed += 1
        time.sleep(5)
    if not seen:
        sys.exit(f"the chief at {host}:{port} never appeared")


def strategy_for(hosts: dict[str, list[str]], role: str, index: int) -> tf.distribute.Strategy:
    """Parameter servers in a cluster, all GPUs of a single host, or the one device there is."""
    if hosts:
        resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
            tf.train.ClusterSpec(hosts), task_type=role, task_id=index, rpc_layer="grpc"
        )
        return tf.distribute.ParameterServerStrategy(resolver)
    if len(tf.config.list_physical_devices("GPU")) > 1:
        return tf.distribute.MirroredStrategy()
    return tf.distribute.get_strategy()


def build(transform: dict[str, Any], args: argparse.Namespace) -> tf.keras.Model:
    """The network for the features and classes of the transform."""
    settings = {name: getattr(args, name) for name in NETWORK}
    return network.build(len(transform["features"]), len(transform["classes"]), **settings)


def read_transform() -> dict[str, Any]:
    """The fitted transform, which preprocessing leaves beside the validation set."""
    path = channel("validation") / "transform.json"
    if not path.exists():
        sys.exit(f"{path} is missing: without the transform no request could be answered")
    return json.loads(path.read_text(encoding="utf-8"))


def export(weights: list[np.ndarray], transform: dict[str, Any], args: argparse.Namespace) -> None:
    """The best weights as a SavedModel of this host, and the handler of requests beside it."""
    directory = Path(os.environ.get("SM_MODEL_DIR", BASE / "model"))
    best = build(transform, args)
    best.set_weights(weights)
    network.Serving(best, transform).save(directory / "1")
    code = directory / "code"
    code.mkdir(exist_ok=True)
    shutil.copy(Path(__file__).with_name("inference.py"), code)
    (code / "transform.json").write_text(json.dumps(transform) + "\n", encoding="utf-8")


def main() -> None:
    """Train as the chief, or serve it."""
    args = parse_args()
    hosts, role, index = cluster()
    if role != "chief":
        serve(hosts, role, index)
        return
    tf.keras.utils.set_random_seed(args.seed)
    strategy = strategy_for(hosts, role, index)

    transform = read_transform()
    features, classes = len(transform["features"]), len(transform["classes"])
    rows = network.count(channel("train"), features)
    epochs = Epochs(*network.read(channel("validation")), args)
    if epochs.features.shape[1] != features:
        sys.exit(f"the validation set has {epochs.features.shape[1]} features, not {features}")
    print(f"rows {rows}, features {features}, classes {classes}, {type(strategy).__name__}")

    with strategy.scope():
        model = build(transform, args)
        optimizer = tf.keras.optimizers.Adam(args.learning_rate)
        model.compile(optimizer, "sparse_categorical_crossentropy")
        optimizer.build(model.trainable_variables)
    epochs.set_model(model)
    epochs.restore()

    paths = [str(path) for path in network.files(channel("train"))]

    def data(_: tf.distribute.InputContext | None = None) -> tf.data.Dataset:
        return network.stream(paths, features, args.batch_size, rows, args.seed)

    if not epochs.done and epochs.next_epoch < args.epochs:
        model.fit(
            tf.keras.utils.experimental.DatasetCreator(data) if hosts else data(),
            initial_epoch=epochs.next_epoch,
            epochs=args.epochs,
            steps_per_epoch=math.ceil(rows / args.batch_size),
            callbacks=[epochs],
            shuffle=False,  # the stream does
            verbose=0,
        )
    export(epochs.best_weights, transform, args)


if __name__ == "__main__":
    main()
