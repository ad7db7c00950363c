"""Training on several hosts, as the container sets them up: a parameter server and a worker or
the chief on each."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from conftest import Prepared
from contract import CODE, environment

EPOCHS = 2
# The toolkit serves the parameters itself; of the script it runs a chief and workers.
SERVER = """
import json, os, tensorflow as tf
config = json.loads(os.environ["TF_CONFIG"])
cluster, task = tf.train.ClusterSpec(config["cluster"]), config["task"]
tf.distribute.Server(cluster, job_name=task["type"], task_index=task["index"]).join()
"""
pytestmark = pytest.mark.skipif(
    tuple(map(int, tf.__version__.split(".")[:2])) >= (2, 16),
    reason="from TensorFlow 2.16 on, Keras has no parameter servers; the image has 2.12",
)


def addresses(count: int) -> list[str]:
    """So many free ports of this machine."""
    sockets = [socket.create_server(("localhost", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return [f"localhost:{port}" for port in ports]


def test_two_hosts_train_one_model(prepared: Prepared, tmp_path: Path) -> None:
    master, worker, *servers = addresses(4)
    cluster = {"master": [master], "worker": [worker], "ps": servers}
    model = tmp_path / "model"
    channels = {
        f"SM_CHANNEL_{name.upper()}": str(prepared.sets / name) for name in ("train", "validation")
    }

    def start(role: str, index: int, *command: str) -> subprocess.Popen[str]:
        task = {"type": role, "index": index}
        config = {"cluster": cluster, "environment": "cloud", "task": task}
        return subprocess.Popen(
            [sys.executable, *command],
            env=environment(
                tmp_path, TF_CONFIG=json.dumps(config), SM_MODEL_DIR=str(model), **channels
            ),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    train = (str(CODE / "src" / "train.py"), "--epochs", str(EPOCHS), "--batch_size", "128")
    hosts = [start("ps", at, "-c", SERVER) for at in range(len(servers))]
    hosts += [start("worker", 0, *train), start("master", 0, *train)]
    try:
        log, _ = hosts[-1].communicate(timeout=300)
        served, _ = hosts[-2].communicate(timeout=100)
    finally:
        for host in hosts:
            host.kill()
            host.wait()
    assert (hosts[-1].returncode, hosts[-2].returncode) == (0, 0), log + served
    assert "ParameterServerStrategy" in log and "worker 0 serves" in served
    assert len(re.findall(r"^epoch: \d+ loss: ", log, re.M)) == EPOCHS
    # What came of it is a model like that of one host.
    saved = tf.saved_model.load(str(model / "1"))
    rows = tf.constant(np.zeros((3, 20)), tf.float64)
    answer = saved.signatures["serving_default"](features=rows)["probabilities"]
    assert answer.shape == (3, 10)
    np.testing.assert_allclose(answer.numpy().sum(axis=1), 1, atol=1e-5)
