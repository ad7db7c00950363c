"""The contract between SageMaker's containers and the workload's code, on this machine.

Processing: a script, <base>/processing for /opt/ml/processing. Training: the
`sagemaker-training` toolkit itself, which the TensorFlow image starts too, with
SAGEMAKER_BASE_DIR for /opt/ml. Serving: a stand-in for the service that calls
the model's handler, with the SavedModel in place of TensorFlow Serving.
"""

from __future__ import annotations

import importlib.util
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

CODE = Path(__file__).parents[2] / "stacks" / "code"
SETS = ("train", "validation", "test")


def load(path: Path) -> ModuleType:
    """A script as a module of its own."""
    spec = importlib.util.spec_from_file_location(f"{path.stem}_of_{path.parent.name}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def environment(base: Path, **more: str) -> dict[str, str]:
    """What a process of the workload sees: nothing of SageMaker but what is said."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("SM_", "SMSTACK_", "TF_"))}
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    return {**kept, **quiet, "SMSTACK_BASE_DIR": str(base), **more}


def process(script: str, base: Path, *args: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a processing job's script to its end."""
    command = [sys.executable, str(CODE / script), *args]
    return subprocess.run(
        command, env=environment(base, **more), capture_output=True, text=True, check=False
    )


def succeed(done: subprocess.CompletedProcess[str]) -> str:
    """What it printed, if it went well."""
    assert done.returncode == 0, f"{done.args}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def start_training(base: Path, sets: Path, **hyperparameters: object) -> subprocess.Popen[str]:
    """Start a training job: hyperparameters as JSON texts, channels, one host."""
    config = base / "input" / "config"
    config.mkdir(parents=True, exist_ok=True)
    (base / "model").mkdir(exist_ok=True)
    given: dict[str, object] = {
        "sagemaker_program": "train.py",
        "sagemaker_submit_directory": str(CODE / "src"),
        "sagemaker_container_log_level": 20,
        "model_dir": "s3://bucket/job/model",
        **hyperparameters,
    }
    texts = {name: json.dumps(value) for name, value in given.items()}
    (config / "hyperparameters.json").write_text(json.dumps(texts))
    # The toolkit waits until each host has an address: of the names of hosts, this one has.
    hosts = {"current_host": "localhost", "hosts": ["localhost"], "network_interface_name": "lo"}
    (config / "resourceconfig.json").write_text(json.dumps(hosts))
    channel = {"TrainingInputMode": "File", "S3DistributionType": "FullyReplicated"}
    channels = dict.fromkeys(("train", "validation"), channel)
    (config / "inputdataconfig.json").write_text(json.dumps(channels))
    for name in channels:
        target = base / "input" / "data" / name
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(sets / name, target)
    return subprocess.Popen(
        [str(Path(sys.executable).with_name("train"))],
        env=environment(base, SAGEMAKER_BASE_DIR=str(base), TRAINING_JOB_NAME="job-1"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def train(base: Path, sets: Path, **hyperparameters: object) -> str:
    """A training job to its end; its log."""
    job = start_training(base, sets, **hyperparameters)
    log, _ = job.communicate()
    assert job.returncode == 0, log
    return log


def evaluate(base: Path, model: Path, test: Path) -> dict[str, Any]:
    """Archive a model as SageMaker does, evaluate it, and give the report."""
    place = base / "processing" / "model"
    place.mkdir(parents=True, exist_ok=True)
    with tarfile.open(place / "model.tar.gz", "w:gz") as archive:
        for path in sorted(model.iterdir()):
            archive.add(path, path.name)
    shutil.copytree(test, base / "processing" / "test", dirs_exist_ok=True)
    succeed(process("evaluate.py", base))
    report = base / "processing" / "evaluation" / "evaluation.json"
    return json.loads(report.read_text())


class Context(NamedTuple):
    """What the serving container tells a handler of a request."""

    rest_uri: str
    request_content_type: str
    accept_header: str


class Answer:
    """The service's response to the caller."""

    def __init__(self) -> None:
        self.status, self.content_type, self.body = "", "", ""

    def json(self) -> Any:
        """The body."""
        return json.loads(self.body)


class Reply(NamedTuple):
    """What TensorFlow Serving answers the handler."""

    status_code: int
    content: bytes


class Service:
    """Calls the handler of a model directory for each request, as the container's service does."""

    def __init__(self, model: Path) -> None:
        import tensorflow as tf

        self.tf = tf
        self.model = tf.saved_model.load(str(model / "1"))
        self.inference = load(model / "code" / "inference.py")
        # The handler's way to the model.
        sys.modules["requests"] = self  # type: ignore[assignment]

    def post(self, uri: str, data: str, timeout: float) -> Reply:
        """TensorFlow Serving: the REST API's row format, answered by the SavedModel."""
        body = json.loads(data)
        signature = self.model.signatures[body["signature_name"]]
        features = self.tf.constant(body["instances"], self.tf.float64)
        (answer,) = signature(features=features).values()
        return Reply(200, json.dumps({"predictions": answer.numpy().tolist()}).encode())

    def invoke(
        self,
        body: str | bytes,
        kind: str = "application/json",
        accept: str = "application/json",
    ) -> Answer:
        """One request: 200 and what the handler gives, or 500 and what it raises."""
        res = Answer()
        data = io.BytesIO(body.encode() if isinstance(body, str) else body)
        context = Context("http://localhost:8501/v1/models/model:predict", kind, accept)
        try:
            res.status = "200 OK"
            res.body, res.content_type = self.inference.handler(data, context)
        except Exception as error:
            res.status = "500 Internal Server Error"
            res.body = json.dumps({"error": str(error)})
        return res
