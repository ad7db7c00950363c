"""Answer requests: AWS's PyTorch container imports this from the model's `code` directory.

A request is JSON, {"instances": [[0.1, 0.5, …], …]}: recordings of as many
samples as those of the training. The answer names the state of each machine:

    {"predictions": [{"label": "sound", "probability": 0.97}, …]}

A request that cannot be read gets a 400 that says why.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

try:
    from sagemaker_inference.errors import BaseInferenceToolkitError
except ImportError:  # outside of the container

    class BaseInferenceToolkitError(Exception):  # type: ignore[no-redef]
        """An error with an HTTP status."""

        def __init__(self, status_code: int, message: str, phrase: str) -> None:
            self.status_code, self.message, self.phrase = status_code, message, phrase
            super().__init__(status_code, message, phrase)


DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


def refuse(message: str, status: int = 400) -> BaseInferenceToolkitError:
    """The request is at fault."""
    return BaseInferenceToolkitError(status, message, message)


def model_fn(model_dir: str) -> tuple[Any, dict[str, Any]]:
    """What is loaded once: the network, and what it was trained with."""
    model = torch.jit.load(str(Path(model_dir) / "model.pt"), map_location=DEVICE).eval()
    about = json.loads((Path(model_dir) / "about.json").read_text(encoding="utf-8"))
    return model, about


def input_fn(body: Any, content_type: str) -> list[list[float]]:
    """The recordings of a request."""
    kind = (content_type or "application/json").split(";")[0].strip().lower()
    if kind != "application/json":
        raise refuse(f"send application/json, not {kind}", 415)
    try:
        recordings = json.loads(body)["instances"]
    except (KeyError, TypeError, ValueError):
        raise refuse('send {"instances": [[SAMPLE, SAMPLE, …], …]}') from None
    if not isinstance(recordings, list) or not recordings:
        raise refuse("`instances` has to be a list of recordings")
    return recordings


def predict_fn(recordings: Any, loaded: tuple[Any, dict[str, Any]]) -> list[dict[str, Any]]:
    """The most probable label of each recording."""
    model, about = loaded
    for at, recording in enumerate(recordings):
        if not isinstance(recording, list) or len(recording) != about["samples"]:
            raise refuse(f"instances[{at}]: a list of {about['samples']} samples is wanted")
    try:
        samples = torch.tensor(recordings, dtype=torch.float32, device=DEVICE)
    except (TypeError, ValueError, RuntimeError):
        raise refuse("`instances` has what is no number") from None
    if not bool(torch.isfinite(samples).all()):
        raise refuse("`instances` has what is no finite number")
    with torch.no_grad():
        most, which = torch.softmax(model(samples), dim=1).max(dim=1)
    return [
        {"label": about["labels"][label], "probability": probability}
        for probability, label in zip(most.tolist(), which.tolist())
    ]


def output_fn(prediction: list[dict[str, Any]], accept: str) -> tuple[str, str]:
    """The answer, and its content type."""
    return json.dumps({"predictions": prediction}), "application/json"
