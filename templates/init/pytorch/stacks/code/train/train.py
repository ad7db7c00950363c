"""Train the network: the entry point of the training job, in AWS's PyTorch container.

Channels `train` and `validation` have CSV files, a label's number first; beside
the training set is `about.json`. Prints one line per epoch, whose words are
what the stack file's metrics look for:

    epoch: 3 train_loss: 0.412345 val_accuracy: 0.876543

After each epoch the state goes to <base>/checkpoints, and a job that was
interrupted carries on from there. Leaves in SM_MODEL_DIR the best epoch's model
as TorchScript, what was measured, and the code that answers requests. A GPU is
used where there is one. SMSTACK_BASE_DIR stands for /opt/ml.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

BASE = Path(os.environ.get("SMSTACK_BASE_DIR", "/opt/ml"))
CHECKPOINT = BASE / "checkpoints" / "state.pt"
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


class Network(nn.Module):
    """Recordings (N, samples), as they come, to scores (N, labels)."""

    def __init__(self, channels: int, labels: int, mean: float, deviation: float) -> None:
        super().__init__()
        self.mean, self.deviation = mean, deviation
        self.layers = nn.Sequential(
            nn.Conv1d(1, channels, 7, padding=3),
            nn.BatchNorm1d(channels),
            nn.ReLU(),
            nn.MaxPool1d(2),
            nn.Conv1d(channels, 2 * channels, 5, padding=2),
            nn.BatchNorm1d(2 * channels),
            nn.ReLU(),
            nn.AdaptiveMaxPool1d(4),
            nn.Flatten(),
            nn.Linear(8 * channels, labels),
        )

    def forward(self, recordings: torch.Tensor) -> torch.Tensor:
        """The scaling is part of the model: who asks it has nothing to know of that."""
        return self.layers(((recordings - self.mean) / self.deviation).unsqueeze(1))


def parse_args() -> argparse.Namespace:
    """The hyperparameters."""
    parser = argparse.ArgumentParser(description="Train the network.")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--batch_size", type=int, default=64)
    parser.add_argument("--learning_rate", type=float, default=0.002)
    parser.add_argument("--channels", type=int, default=16, help="of the first layer")
    parser.add_argument("--seed", type=int, default=20240501)
    args, others = parser.parse_known_args()
    if others:
        print(f"not used: {others}", file=sys.stderr)
    return args


def read(channel: str) -> tuple[torch.Tensor, torch.Tensor]:
    """A set's recordings (N, samples) and labels (N)."""
    directory = Path(os.environ[f"SM_CHANNEL_{channel.upper()}"])
    paths = sorted(directory.rglob("*.csv"))
    table = np.concatenate([np.loadtxt(path, delimiter=",", ndmin=2) for path in paths])
    recordings = torch.tensor(table[:, 1:], dtype=torch.float32, device=DEVICE)
    return recordings, torch.tensor(table[:, 0], dtype=torch.int64, device=DEVICE)


def restore(state: dict[str, Any], settings: str) -> bool:
    """Take the state of a job with the same settings, if one was interrupted."""
    if not CHECKPOINT.exists():
        return False
    saved = torch.load(CHECKPOINT, map_location=DEVICE, weights_only=True)
    if saved["settings"] != settings:
        return False
    for part in ("model", "optimizer"):
        state[part].load_state_dict(saved[part])
    state.update({name: saved[name] for name in ("epoch", "best", "weights")})
    print(f"carrying on after epoch {state['epoch']}")
    return True


def keep(state: dict[str, Any], settings: str) -> None:
    """Write aside, then rename: an interruption leaves the old state or the new one."""
    CHECKPOINT.parent.mkdir(parents=True, exist_ok=True)
    saved = {name: state[name].state_dict() for name in ("model", "optimizer")}
    saved.update({name: state[name] for name in ("epoch", "best", "weights")})
    aside = CHECKPOINT.with_suffix(".tmp")
    torch.save({**saved, "settings": settings}, aside)
    aside.replace(CHECKPOINT)


def main() -> None:
    """Train, keep the best, save."""
    args = parse_args()
    torch.manual_seed(args.seed)
    recordings, labels = read("train")
    unseen, truth = read("validation")
    path = Path(os.environ["SM_CHANNEL_TRAIN"]) / "about.json"
    about = json.loads(path.read_text(encoding="utf-8"))
    model = Network(args.channels, len(about["labels"]), about["mean"], about["deviation"])
    model.to(DEVICE)
    optimizer = torch.optim.AdamW(model.parameters(), args.learning_rate)
    state: dict[str, Any] = {"model": model, "optimizer": optimizer, "epoch": 0, "best": -1.0}
    # More epochs carry on from the same state.
    settings = json.dumps({**vars(args), "epochs": None, **about}, sort_keys=True)
    restore(state, settings)
    loss_of = nn.CrossEntropyLoss()
    while state["epoch"] < args.epochs:
        model.train()
        total = 0.0
        for batch in torch.randperm(len(labels)).split(args.batch_size):
            if len(batch) == 1 and len(labels) > 1:
                continue  # batch normalisation cannot do with one
            loss = loss_of(model(recordings[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += float(loss) * len(batch)
        model.eval()
        with torch.no_grad():
            accuracy = float((model(unseen).argmax(dim=1) == truth).float().mean())
        state["epoch"] += 1
        if accuracy > state["best"]:
            weights = {name: value.clone() for name, value in model.state_dict().items()}
            state.update(best=accuracy, weights=weights)
        print(
            f"epoch: {state['epoch']} train_loss: {total / len(labels):.6f}",
            f"val_accuracy: {accuracy:.6f}",
            flush=True,
        )
        keep(state, settings)
    model.load_state_dict(state["weights"])
    # What AWS takes is the last value: that of the epoch that is kept.
    print(f"best: val_accuracy: {state['best']:.6f}", flush=True)
    target = Path(os.environ["SM_MODEL_DIR"])
    torch.jit.script(model.cpu().eval()).save(str(target / "model.pt"))
    shutil.copy(path, target / "about.json")
    (target / "code").mkdir(exist_ok=True)
    shutil.copy(Path(__file__).with_name("inference.py"), target / "code")


if __name__ == "__main__":
    main()
