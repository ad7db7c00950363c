"""Ask a model as SageMaker's containers do.

    serve.py toolkit|sklearn|huggingface MODEL.tar.gz < REQUESTS > ANSWERS

Requests are a JSON list of [content type, body], answers one of [status, body].
`toolkit` is sagemaker-inference itself, which the images of XGBoost and PyTorch
have; for scikit-learn and Hugging Face it is what their own servers do around
the same functions.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

Answer = tuple[int, str]


class Context:
    """A request as the model server describes it, and what becomes of it."""

    def __init__(self, model_dir: str, kind: str) -> None:
        self.system_properties = {"model_dir": model_dir}
        self.request_processor = [self]
        self.kind, self.status = kind, 200

    def get_request_properties(self) -> dict[str, str]:
        """The headers."""
        return {"Content-Type": self.kind, "Accept": "application/json"}

    def set_response_content_type(self, at: int, kind: str) -> None:
        """What the answer is."""
        assert kind == "application/json", kind

    def set_response_status(self, code: int, idx: int = 0, phrase: str = "") -> None:
        """Another status than 200."""
        self.status = int(code)


def toolkit(model_dir: str, requests: list[list[str]]) -> list[Answer]:
    """The images of XGBoost and PyTorch."""
    from sagemaker_inference.transformer import Transformer

    transformer = Transformer()
    answers = []
    for kind, body in requests:
        context = Context(model_dir, kind)
        (answer,) = transformer.transform([{"body": body.encode()}], context)
        answers.append((context.status, answer))
    return answers


def sklearn(model_dir: str, requests: list[list[str]]) -> list[Answer]:
    """The image of scikit-learn: a pair is an answer, and so is a response of Flask's."""
    user = importlib.import_module("inference")
    model = user.model_fn(model_dir)
    answers = []
    for kind, body in requests:
        wanted = kind if kind == "application/jsonlines" else "application/json"
        answer: Any = user.transform_fn(model, body, kind, wanted)
        if isinstance(answer, tuple):
            assert answer[1] == wanted
            answers.append((200, answer[0]))
        else:
            answers.append((answer.status_code, answer.get_data(as_text=True)))
    return answers


def huggingface(model_dir: str, requests: list[list[str]]) -> list[Answer]:
    """The image of Hugging Face: a pipeline of the task; whatever fails is a 400."""
    from transformers import pipeline

    ask = pipeline(task=os.environ["HF_TASK"], model=model_dir)
    answers = []
    for _, body in requests:
        try:
            data = json.loads(body)
            answers.append((200, json.dumps(ask(data["inputs"], **data.get("parameters", {})))))
        except Exception as error:
            answers.append((400, str(error)))
    return answers


def main() -> None:
    """Unpack, serve, answer."""
    server = {"toolkit": toolkit, "sklearn": sklearn, "huggingface": huggingface}[sys.argv[1]]
    with tempfile.TemporaryDirectory() as base:
        # Where the toolkit looks for the model and its code.
        os.environ["SAGEMAKER_BASE_DIR"] = base
        model_dir = Path(base) / "model"
        with tarfile.open(sys.argv[2]) as archive:
            archive.extractall(model_dir, filter="data")
        sys.path.insert(0, str(model_dir / "code"))
        answers = server(str(model_dir), json.load(sys.stdin))
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
