"""A batch transform job: every object through the model's own handler.

The division into requests, filters and joins are SageMaker's; what is called for a request is what
the framework's inference image calls: `model_fn`, `input_fn`, `predict_fn`, `output_fn` or
`transform_fn` in script mode, `handler` or `input_handler` and `output_handler` before and after
TensorFlow Serving, which a SavedModel behind its REST interface stands for here.

Reads a file of JSON, whose path is the first argument; `transform.rs` writes it.
"""

import csv
import gzip
import http.server
import importlib
import importlib.util
import inspect
import io
import json
import os
import re
import sys
import threading
import traceback
from collections import namedtuple
from pathlib import Path

JSON, CSV, LINES, NPY = "application/json", "text/csv", "application/jsonlines", "application/x-npy"


def kind_of(media):
    """A media type without its parameters."""
    return media.split(";")[0].strip().lower()


# What a request is


def records(name, data):
    """The records of an object."""
    if job["split"] == "Line":
        lines = data.split(b"\n")
        return lines if lines[-1] else lines[:-1]
    if job["split"] not in (None, "None"):
        sys.exit(f"{name}: records are told apart by {job['split']}, which this machine does not do")
    return [data]


def requests_of(name, parts):
    """The records (n, each of bytes) by request: as many as may be in one, or each alone."""
    most = job["payload"]
    group, size = [], 0
    for part in parts:
        if most and len(part) > most:
            sys.exit(
                f"{name}: a record has {len(part)} bytes, more than a request may have ({most}): "
                "split the objects by lines, or raise `max_payload`"
            )
        full = group and most and size + len(part) + 1 > most
        if full or (group and job["strategy"] == "SingleRecord"):
            yield group
            group, size = [], 0
        group.append(part)
        size += len(part) + 1
    if group:
        yield group


def decoded(media, record):
    """A record as columns or as what JSON says."""
    if kind_of(media) == CSV:
        return next(csv.reader(io.StringIO(record.decode())), [])
    return json.loads(record)


def encoded(media, value):
    """The same as bytes; what a filter of one column leaves is no list."""
    if kind_of(media) == CSV:
        text = io.StringIO()
        csv.writer(text, lineterminator="").writerow(value if isinstance(value, list) else [value])
        return text.getvalue().encode()
    return json.dumps(value).encode()


STEP = re.compile(r"\.([\w-]+)|\[([^\]]+)\]")


def picked(path, value):
    """What a filter such as `$[1:]`, `$[0,-1]`, `$.a` or `$['a','b']` leaves of a record."""
    at = 1
    while path[0] == "$" and at < len(path):
        step = STEP.match(path, at)
        if step is None:
            break
        at = step.end()
        name, inside = step.groups()
        if name is not None:
            value = value[name]
        elif inside[0] in "'\"":
            names = [one.strip()[1:-1] for one in inside.split(",")]
            value = value[names[0]] if len(names) == 1 else {one: value[one] for one in names}
        elif ":" in inside:
            value = value[slice(*[int(one) if one.strip() else None for one in inside.split(":")])]
        else:
            places = [int(one) for one in inside.split(",")]
            value = value[places[0]] if len(places) == 1 else [value[one] for one in places]
    if path[0] != "$" or at < len(path):
        sys.exit(f"the filter {path} is none that this machine knows")
    return value


def joined(record, answer):
    """A record with what the model says of it."""
    media = job["content_type"] or JSON
    if kind_of(media) == CSV:
        return [*decoded(media, record), *decoded(CSV, answer)]
    value = decoded(media, record)
    answer = json.loads(answer)
    if isinstance(value, dict):
        return {**value, "SageMakerOutput": answer}
    return {"SageMakerInput": value, "SageMakerOutput": answer}


def answered(invoke, body, place):
    """What the model says of a request; where it refuses, which one that was."""
    try:
        return invoke(body, place)
    except Exception as error:
        traceback.print_exc()
        # The toolkits' own errors have the answer's status.
        status, message = getattr(error, "status_code", None), getattr(error, "message", None)
        said = f"{status}: {message}" if status else f"{type(error).__name__}: {error}"
        sys.exit(f"{place}: {said}")


def transformed(name, data, invoke):
    """What is written for an object, and in how many requests."""
    answers, count = [], 0
    for group in requests_of(name, records(name, data)):
        count += 1
        sent = group
        if job["input_filter"]:
            media = job["content_type"] or JSON
            sent = [encoded(media, picked(job["input_filter"], decoded(media, one))) for one in group]
        answer = answered(invoke, b"\n".join(sent), f"{name}, request {count}")
        if not (job["join"] or job["output_filter"]):
            answers.append(answer)
            continue
        each = [answer] if len(group) == 1 else answer.rstrip(b"\n").split(b"\n")
        if len(each) != len(group):
            sys.exit(f"{name}, request {count}: {len(group)} records, but {len(each)} lines of answers")
        for record, one in zip(group, each):
            media = (job["content_type"] if job["join"] else job["accept"]) or JSON
            value = joined(record, one) if job["join"] else decoded(media, one)
            if job["output_filter"]:
                value = picked(job["output_filter"], value)
            answers.append(encoded(media, value))
    if job["assemble"] == "Line":
        answers = [one if one.endswith(b"\n") else one + b"\n" for one in answers]
    return b"".join(answers), count


# Script mode


def call(function, *arguments):
    """A function of the script's, which may take the request's context as well."""
    more = len(inspect.signature(function).parameters) - len(arguments)
    return function(*arguments, *([None] * max(0, more)))


def as_table(body, media):
    """A body as an array, as the toolkits read it."""
    import numpy

    kind = kind_of(media)
    if kind == JSON:
        return numpy.array(json.loads(body))
    if kind == CSV:
        return numpy.atleast_2d(numpy.genfromtxt(io.StringIO(body), delimiter=",", dtype="float32"))
    if kind == NPY:
        return numpy.load(io.BytesIO(body), allow_pickle=False)
    raise ValueError(f"nothing reads {media} unless the script has an input_fn")


def as_body(prediction, accept):
    """An array as a body, as the toolkits write it."""
    import numpy

    kind = kind_of(accept)
    table = numpy.asarray(prediction)
    if kind == JSON:
        return json.dumps(table.tolist())
    if kind == CSV:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(table.reshape(len(table), -1).tolist())
        return text.getvalue()
    if kind == NPY:
        out = io.BytesIO()
        numpy.save(out, table)
        return out.getvalue()
    raise ValueError(f"nothing writes {accept} unless the script has an output_fn")


class Sklearn:
    """What the toolkit of scikit-learn's image does where the script does not."""

    def input_fn(self, body, media):
        table = as_table(body, media)
        return table if kind_of(media) == NPY else table.astype("float32")

    def predict_fn(self, table, model):
        return model.predict(table)

    def output_fn(self, prediction, accept):
        return as_body(prediction, accept)


class Xgboost(Sklearn):
    """What that of XGBoost's does."""

    def input_fn(self, body, media):
        import xgboost

        return xgboost.DMatrix(as_table(body, media))

    def predict_fn(self, table, model):
        return model.predict(table, validate_features=False)

    def algorithm(self, directory):
        """The model of the built-in algorithm, in place of a script's."""
        import xgboost

        model = xgboost.Booster()
        model.load_model(directory / "xgboost-model")
        return model


class Pytorch(Sklearn):
    """What that of PyTorch's does."""

    def model_fn(self, directory):
        import torch

        return torch.jit.load(str(Path(directory) / "model.pt"), map_location="cpu")

    def input_fn(self, body, media):
        import torch

        return torch.tensor(as_table(body, media))

    def predict_fn(self, table, model):
        import torch

        model.eval()
        with torch.no_grad():
            return model(table).numpy()


class Huggingface:
    """What that of Hugging Face's does."""

    def model_fn(self, directory):
        import transformers

        task = os.environ.get("HF_TASK")
        return transformers.pipeline(task=task, model=str(directory))

    def input_fn(self, body, media):
        if kind_of(media) != JSON:
            raise ValueError(f"nothing reads {media} unless the script has an input_fn")
        return json.loads(body)

    def predict_fn(self, data, model):
        inputs = data.pop("inputs", data)
        return model(inputs, **(data.pop("parameters", None) or {}))

    def output_fn(self, prediction, accept):
        return json.dumps(prediction)


def script(own):
    """The handler of a model in script mode: the script's functions, or the toolkit's `own`."""
    model = Path(job["model"])
    program = os.environ.get("SAGEMAKER_PROGRAM")
    code = Path(os.environ.get("SAGEMAKER_SUBMIT_DIRECTORY") or model / "code")
    module = None
    if program is None and isinstance(own, (Pytorch, Huggingface)) and (code / "inference.py").exists():
        program = "inference.py"
    if program is not None:
        sys.path.insert(0, str(code))
        if not (code / program).exists():
            sys.exit(f"{code / program} is not there: the training script has to put it into the model")
        module = importlib.import_module(Path(program).stem)
    elif type(own) is Xgboost:
        own.model_fn = own.algorithm
    elif type(own) is Sklearn:
        sys.exit(
            "scikit-learn's image serves a script, and SAGEMAKER_PROGRAM does not name one: "
            "say `serve: { environment: { SAGEMAKER_PROGRAM: …, SAGEMAKER_SUBMIT_DIRECTORY: /opt/ml/model/code } }`"
        )

    def function(name):
        return getattr(module, name, None) or getattr(own, name, None)

    if function("model_fn") is None:
        sys.exit(f"{program} has no model_fn, and this image has none of its own")
    loaded = call(function("model_fn"), model if module is None else str(model))
    default = os.environ.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", JSON)
    accept = job["accept"] or (CSV if module is None and type(own) is Xgboost else default)
    whole = getattr(module, "transform_fn", None)

    def invoke(body, place):
        media = job["content_type"] or JSON
        body = body.decode() if kind_of(media) in (JSON, CSV) else body
        if whole:
            answer = call(whole, loaded, body, media, accept)
        else:
            data = call(function("input_fn"), body, media)
            answer = call(function("output_fn"), call(function("predict_fn"), data, loaded), accept)
        answer = answer[0] if isinstance(answer, tuple) else answer
        answer = getattr(answer, "response", answer)  # one of the toolkit's own
        if isinstance(answer, list) and all(isinstance(one, (bytes, str)) for one in answer):
            answer = b"".join(one.encode() if isinstance(one, str) else one for one in answer)
        if not isinstance(answer, (bytes, bytearray, str)):
            sys.exit(f"{place}: output_fn gave {type(answer).__name__}, which is no body")
        return answer.encode() if isinstance(answer, str) else bytes(answer)

    return invoke


# TensorFlow Serving

Context = namedtuple(
    "Context",
    "model_name, model_version, method, rest_uri, grpc_uri, custom_attributes,"
    " request_content_type, accept_header, content_length",
)


class Response:
    """What a handler's caller gets."""

    status, content_type, body = "200 OK", JSON, b""


def predicted(model, asked):
    """The REST interface's answer: rows (`instances`) or columns (`inputs`)."""
    import tensorflow

    name = asked.get("signature_name", "serving_default")
    if name not in model.signatures:
        raise ValueError(f"no signature {name}; there are {sorted(model.signatures)}")
    signature = model.signatures[name]
    specs = signature.structured_input_signature[1]
    given = asked.get("instances", asked.get("inputs"))
    if given is None:
        raise ValueError("neither `instances` nor `inputs`")
    if "instances" in asked and given and isinstance(given[0], dict):
        given = {key: [row[key] for row in given] for key in given[0]}
    if not isinstance(given, dict) or set(given) != set(specs):
        (only,) = specs if len(specs) == 1 else [None]
        if only is None or isinstance(given, dict):
            raise ValueError(f"the model takes {sorted(specs)}")
        given = {only: given}
    tensors = {key: tensorflow.constant(value, specs[key].dtype) for key, value in given.items()}
    answers = {key: value.numpy().tolist() for key, value in signature(**tensors).items()}
    (single,) = answers.values() if len(answers) == 1 else [None]
    if "inputs" in asked:
        return {"outputs": answers if single is None else single}
    rows = [dict(zip(answers, row)) for row in zip(*answers.values())]
    return {"predictions": rows if single is None else single}


def served(model):
    """The address at which the model answers."""

    class Service(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            try:
                status, answer = 200, predicted(model, json.loads(body))
            except Exception as error:
                status, answer = 400, {"error": str(error)}
            answer = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", JSON)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Service)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_address[1]}/v1/models/model:predict"


def as_rows(body, media):
    """A body as the REST interface takes it, where no script says how."""
    if kind_of(media) == CSV:
        rows = csv.reader(io.StringIO(body.decode()))
        return json.dumps({"instances": [[float(value) for value in row] for row in rows if row]})
    if kind_of(media) in (LINES, "application/jsons"):
        return json.dumps({"instances": [json.loads(line) for line in body.splitlines() if line]})
    return body


def tensorflow_serving():
    """The handler of a SavedModel."""
    import tensorflow

    model = Path(job["model"])
    found = [path.parent for path in model.rglob("saved_model.pb") if path.parent.name.isdigit()]
    if not found:
        sys.exit("the model has no SavedModel in a directory whose name is a number")
    uri = served(tensorflow.saved_model.load(str(max(found, key=lambda path: int(path.name)))))
    code = model / "code" / "inference.py"
    module = None
    if code.exists():
        sys.path.insert(0, str(code.parent))
        spec = importlib.util.spec_from_file_location("inference", code)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        if not hasattr(module, "handler") and not hasattr(module, "input_handler"):
            sys.exit("inference.py has neither `handler` nor `input_handler` and `output_handler`")

    def handled(body, context):
        if module and hasattr(module, "handler"):
            return module.handler(io.BytesIO(body), context)
        import requests

        if module is None:
            response = requests.post(uri, data=as_rows(body, context.request_content_type), timeout=600)
            if response.status_code != 200:
                raise ValueError(response.text)
            return response.content, JSON
        asked = module.input_handler(io.BytesIO(body), context)
        return module.output_handler(requests.post(uri, data=asked, timeout=600), context)

    def invoke(body, place):
        # Handlers look for what their caller answers with by this name.
        res = Response()
        media, accept = job["content_type"] or JSON, job["accept"] or JSON
        context = Context("model", "1", "predict", uri, None, None, media, accept, len(body))
        res.body, res.content_type = handled(body, context)
        answer = res.body.encode() if isinstance(res.body, str) else res.body
        if not res.status.startswith("200"):
            sys.exit(f"{place}: {res.status}: {answer[:500].decode('utf-8', 'replace')}")
        return answer

    return invoke


def main():
    """Every object, in the order of names."""
    toolkits = {"sklearn": Sklearn, "xgboost": Xgboost, "pytorch": Pytorch, "huggingface": Huggingface}
    own = toolkits.get(job["framework"])
    invoke = script(own()) if own else tensorflow_serving()
    for name in job["objects"]:
        data = (Path(job["input"]) / name).read_bytes()
        answer, count = transformed(name, gzip.decompress(data) if job["gzip"] else data, invoke)
        target = Path(job["output"]) / f"{name}.out"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(answer)
        print(f"{name}: {count} {'request' if count == 1 else 'requests'}")


if __name__ == "__main__":
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    main()
