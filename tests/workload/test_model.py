"""The model: trained through a kill, judged against baselines, and asked."""

from __future__ import annotations

import io
import json
import re
import tarfile
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, log_loss, roc_auc_score
from test_preprocessing import read, standardise, table

import dataset
from conftest import EPOCHS, Prepared, Trained
from contract import CODE, Context, Reply, Service, evaluate, load

STACK = CODE.parent / "deep-learning.yaml"


def stack_says(pattern: str) -> str:
    """What the stack file says, by a pattern of one group."""
    found = re.search(pattern, STACK.read_text())
    assert found, pattern
    return found.group(1)


GATE = float(stack_says(r"accuracy_threshold: ([0-9.]+)"))
REGEXES = {
    name: json.loads(f'"{stack_says(f"{name}: +{chr(34)}(.*){chr(34)}")}"')
    for name in ("train:loss", "val:accuracy")
}
PRINTED = re.compile(
    r"^epoch: (\d+) loss: (\d+\.\d{6}) val_accuracy: (\d\.\d{6}) \(best \d\.\d{6}\)$", re.M
)


@pytest.fixture(scope="session")
def report(trained: Trained, prepared: Prepared, tmp_path_factory: Any) -> dict[str, Any]:
    """The evaluation of the trained model."""
    base = tmp_path_factory.mktemp("evaluated")
    return evaluate(base, trained.model, prepared.sets / "test")


@pytest.fixture(scope="session")
def service(trained: Trained) -> Service:
    """The trained model behind its handler."""
    return Service(trained.model)


def test_a_killed_job_carries_on_and_ends_with_the_same_epochs(trained: Trained) -> None:
    first = [int(epoch) for epoch, *_ in PRINTED.findall(trained.first)]
    second = [int(epoch) for epoch, *_ in PRINTED.findall(trained.second)]
    assert first == [1, 2, 3]
    carried_on = re.search(r"carrying on after epoch (\d+)", trained.second)
    # The kill may have come between the print and the checkpoint of the third epoch.
    assert carried_on and int(carried_on.group(1)) in (2, 3, 4)
    assert second == list(range(int(carried_on.group(1)) + 1, EPOCHS + 1))


def test_the_regexes_catch_what_is_printed_and_nothing_else(trained: Trained) -> None:
    for log in (trained.first, trained.second):
        printed = PRINTED.findall(log)
        assert printed
        assert re.findall(REGEXES["train:loss"], log) == [loss for _, loss, _ in printed]
        assert re.findall(REGEXES["val:accuracy"], log) == [right for _, _, right in printed]


def test_the_model_passes_the_gate_and_beats_the_baselines(
    report: dict[str, Any], prepared: Prepared
) -> None:
    sets = read(prepared.sets)
    train_set, test_set = sets["train"], sets["test"]
    majority = np.bincount(test_set[:, 0].astype(int)).max() / len(test_set)
    lines = LogisticRegression(max_iter=500).fit(train_set[:, 1:], train_set[:, 0])
    straight = lines.score(test_set[:, 1:], test_set[:, 0])
    accuracy = report["multiclass_classification_metrics"]["accuracy"]["value"]
    print(f"accuracy {accuracy:.3f}, logistic regression {straight:.3f}, majority {majority:.3f}")
    assert accuracy >= GATE > majority
    assert accuracy > straight + 0.05


def test_the_report_says_what_others_compute(
    report: dict[str, Any], prepared: Prepared, service: Service
) -> None:
    test_set = read(prepared.sets)["test"]
    actual = test_set[:, 0].astype(int)
    features = service.tf.constant(test_set[:, 1:], service.tf.float32)
    answer = service.model.signatures["standardised"](features=features)["probabilities"]
    probabilities = answer.numpy().astype(float)
    predicted = probabilities.argmax(axis=1)
    quality = report["multiclass_classification_metrics"]
    normal = probabilities / probabilities.sum(axis=1, keepdims=True)
    others = {
        "accuracy": (predicted == actual).mean(),
        "macro_f1": f1_score(actual, predicted, average="macro"),
        "weighted_f1": f1_score(actual, predicted, average="weighted"),
        "macro_roc_auc": roc_auc_score(actual, normal, multi_class="ovr"),
        "accuracy_best_constant_classifier": np.bincount(actual).max() / len(actual),
    }
    for name, value in others.items():
        assert quality[name]["value"] == pytest.approx(value, abs=1e-6), name
    assert len(quality["per_class"]) == dataset.CLASSES
    counts = {name: sum(row.values()) for name, row in quality["confusion_matrix"].items()}
    assert counts == {str(at): int(count) for at, count in enumerate(np.bincount(actual))}
    calibration = report["calibration"]
    assert calibration["log_loss"]["value"] == pytest.approx(log_loss(actual, normal), abs=1e-5)
    assert 0 <= calibration["expected_calibration_error"]["value"] < 0.2
    assert sum(one["rows"] for one in calibration["reliability"]) == len(actual)


def test_a_request_meets_the_network_as_a_training_row_did(
    prepared: Prepared, service: Service
) -> None:
    tf = service.tf
    raw = table(prepared.sets / "baseline" / "baseline.csv")
    fitted = {k: np.array(v) for k, v in service.inference.TRANSFORM.items() if k != "classes"}
    fitted.pop("features")
    by_graph = service.model.signatures["transform"](features=tf.constant(raw, tf.float64))
    by_preprocessing = standardise(fitted, raw)
    np.testing.assert_array_equal(by_graph["features"], by_preprocessing.astype(np.float32))

    # And the same through the handler, nulls and all: the answer for a raw row is that for the
    # row which preprocessing wrote.
    nulls = np.flatnonzero(np.isnan(raw).any(axis=1))[:20]
    rows = np.concatenate([raw[:20], raw[nulls]])
    instances = [[None if np.isnan(value) else value for value in row] for row in rows]
    answer = service.invoke(json.dumps({"instances": instances}))
    assert answer.status == "200 OK", answer.body
    got = [list(one["probabilities"].values()) for one in answer.json()["predictions"]]
    standardised = tf.constant(standardise(fitted, rows), tf.float32)
    expected = service.model.signatures["standardised"](features=standardised)["probabilities"]
    np.testing.assert_allclose(got, expected.numpy(), atol=1e-6)


def test_good_requests_are_answered(service: Service) -> None:
    row = [0.5] * 20
    by_name = dict(zip(dataset.FEATURES, row))
    as_csv = ",".join("" if at == 2 else "0.5" for at in range(20))
    bodies = {
        json.dumps({"instances": [row]}): "application/json",
        json.dumps({"instances": [dict(reversed(by_name.items())), row]}): "application/json",
        json.dumps({"instances": [[None, *row[1:]]]}): "application/json; charset=utf-8",
        f"{as_csv}\n{as_csv}\n": "text/csv",
    }
    for body, kind in bodies.items():
        answer = service.invoke(body, kind)
        assert (answer.status, answer.content_type) == ("200 OK", "application/json"), answer.body
        for one in answer.json()["predictions"]:
            assert one["probabilities"][one["class"]] == one["probability"]
            assert sum(one["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    two = service.invoke(json.dumps({"instances": [by_name, row]})).json()["predictions"]
    assert two[0]["probabilities"] == pytest.approx(two[1]["probabilities"], abs=1e-6)


ROW = [0.5] * 20
NAMED = dict(zip(dataset.FEATURES, ROW))
BAD_REQUESTS = [
    ("{", 400, "the body is not JSON"),
    ("[" * 100_000, 400, "the body is not JSON"),
    (b"\xff\xfe", 400, "the body is not UTF-8"),
    ("[[1, 2]]", 400, "the body must be an object with `instances`"),
    ({"instances": []}, 400, "`instances` must be a list of at least one row"),
    ({"instances": [ROW, 5]}, 400, "instances[1]: neither an object nor a list"),
    ({"instances": [ROW[:3]]}, 400, "instances[0]: 3 values; the model takes 20"),
    ({"instances": [[*ROW[:4], "x", *ROW[5:]]]}, 400, "instances[0].feature_04: not a number"),
    ({"instances": [[True, *ROW[1:]]]}, 400, "instances[0].feature_00: not a number"),
    ('{"instances": [[NaN]]}', 400, "NaN is not a number; write null"),
    (json.dumps({"instances": [ROW]}).replace("0.5", "1e999"), 400, "not a finite number"),
    ({"instances": [[10**400, *ROW[1:]]]}, 400, "instances[0].feature_00: not a finite number"),
    ({"instances": [{**NAMED, "age": 3}]}, 400, "instances[0].age: unknown"),
    ({"instances": [dict(list(NAMED.items())[1:])]}, 400, "instances[0].feature_00: missing"),
    ({"instances": [[]] * 100_001}, 413, "100001 rows; at most 100000 a request"),
]


@pytest.mark.parametrize(("body", "status", "said"), BAD_REQUESTS)
def test_bad_requests_are_the_callers_fault(
    service: Service, body: Any, status: int, said: str
) -> None:
    raw = body if isinstance(body, (str, bytes)) else json.dumps(body)
    answer = service.invoke(raw)
    assert answer.status.startswith(f"{status} "), answer.body
    assert said in answer.json()["error"]
    assert len(answer.body) < 300


def test_other_kinds_are_refused(service: Service) -> None:
    assert service.invoke("1,2,3", "text/csv").status == "400 Bad Request"
    assert service.invoke("x", "image/png").status == "415 Unsupported Media Type"
    body = json.dumps({"instances": [ROW]})
    assert service.invoke(body, accept="image/png").status == "406 Not Acceptable"


def test_the_halves_of_the_handler_raise(service: Service) -> None:
    module = service.inference
    with pytest.raises(module.BadRequest, match="not JSON"):
        module.input_handler(io.BytesIO(b"{"), Context("", "application/json", "*/*"))
    with pytest.raises(RuntimeError, match="the model failed: out of memory"):
        module.output_handler(Reply(503, b"out of memory"), None)


def test_an_archive_that_reaches_out_is_not_unpacked(tmp_path: Path) -> None:
    module = load(CODE / "evaluate.py")
    archive = tmp_path / "model.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.addfile(tarfile.TarInfo("../outside"))
    inside = tmp_path / "inside"
    inside.mkdir()
    with pytest.raises(SystemExit, match=r"refused to unpack \.\./outside"):
        module.unpack(archive, inside)
    assert not (tmp_path / "outside").exists()


@pytest.fixture
def training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The training script as a module, with a base directory of its own."""
    monkeypatch.syspath_prepend(str(CODE / "src"))
    monkeypatch.setenv("SMSTACK_BASE_DIR", str(tmp_path))
    return load(CODE / "src" / "train.py")


def test_the_network_has_the_layers_it_says(training: ModuleType) -> None:
    settings = {"hidden_units": 64, "hidden_layers": 3, "dropout_rate": 0.25, "l2": 0.01}
    layers = training.network.build(20, 10, **settings).layers
    hidden = ["Dense", "BatchNormalization", "ReLU", "Dropout"]
    assert [type(layer).__name__ for layer in layers] == [*hidden * 3, "Dense"]
    assert [layer.units for layer in layers[::4]] == [64, 32, 16, 10]
    assert [layer.rate for layer in layers[3::4]] == [0.25] * 3
    for layer in layers[:-1:4]:
        assert float(layer.kernel_regularizer.l2) == pytest.approx(0.01)
    assert layers[-1].activation.__name__ == "softmax"


def test_without_its_transform_no_model_is_trained(
    training: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SM_CHANNEL_VALIDATION", str(tmp_path))
    with pytest.raises(SystemExit, match=r"transform\.json is missing"):
        training.read_transform()


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ("", ({}, "chief", 0)),
        ('{"cluster": {"master": ["a:1"]}, "task": {"type": "master"}}', ({}, "chief", 0)),
        (
            '{"cluster": {"master": ["a:1"], "worker": ["b:1"], "ps": ["a:2", "b:2"]},'
            ' "task": {"type": "ps", "index": 1}}',
            ({"chief": ["a:1"], "worker": ["b:1"], "ps": ["a:2", "b:2"]}, "ps", 1),
        ),
    ],
)
def test_the_container_says_who_is_who(
    training: ModuleType, monkeypatch: pytest.MonkeyPatch, config: str, expected: object
) -> None:
    monkeypatch.setenv("TF_CONFIG", config)
    assert training.cluster() == expected


def test_training_stops_when_nothing_gets_better(
    training: ModuleType,
    prepared: Prepared,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("train", "validation"):
        monkeypatch.setenv(f"SM_CHANNEL_{name.upper()}", str(prepared.sets / name))
    monkeypatch.setenv("SM_MODEL_DIR", str(tmp_path / "model"))
    arguments = {"epochs": 50, "patience": 2, "learning_rate": 1e-12, "batch_size": 1024}
    given = [part for name, value in arguments.items() for part in (f"--{name}", str(value))]
    monkeypatch.setattr("sys.argv", ["train.py", *given])
    training.main()
    epochs = PRINTED.findall(capsys.readouterr().out)
    best = max(range(len(epochs)), key=lambda at: float(epochs[at][2]))
    assert len(epochs) == best + 1 + 2 < 50
    # Once more: it was done, and says no more than that.
    training.main()
    again = capsys.readouterr().out
    assert "carrying on" in again and not PRINTED.findall(again)
    assert (tmp_path / "model" / "1" / "saved_model.pb").exists()
