"""Train the trees: the entry point of one training job, in AWS's XGBoost container.

Channels `train` and `validation` have CSV files, label first; beside the
training set is `columns.json`. After each round XGBoost prints what the stack
file's metric looks for, such as `validation-auc:0.81`. Leaves in SM_MODEL_DIR
the model, the columns, and the code that answers requests.
"""

from __future__ import annotations

import argparse
import os
import shutil
from pathlib import Path

import numpy as np
import xgboost


def parse_args() -> argparse.Namespace:
    """The hyperparameters."""
    parser = argparse.ArgumentParser(description="Train gradient-boosted trees.")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--patience", type=int, default=20, help="rounds without a better AUC")
    parser.add_argument("--eta", type=float, default=0.1)
    parser.add_argument("--max_depth", type=int, default=5)
    parser.add_argument("--min_child_weight", type=float, default=1.0)
    parser.add_argument("--subsample", type=float, default=0.9)
    parser.add_argument("--seed", type=int, default=20240501)
    args, others = parser.parse_known_args()
    if others:
        print(f"not used: {others}")
    return args


def read(channel: str) -> xgboost.DMatrix:
    """A set as XGBoost takes it; an empty field is a missing value."""
    directory = Path(os.environ[f"SM_CHANNEL_{channel.upper()}"])
    paths = sorted(directory.rglob("*.csv"))
    table = np.concatenate([np.genfromtxt(path, delimiter=",", ndmin=2) for path in paths])
    return xgboost.DMatrix(table[:, 1:], label=table[:, 0])


def main() -> None:
    """Train, stop early, save."""
    args = parse_args()
    train, validation = read("train"), read("validation")
    settings = {
        "objective": "binary:logistic",
        "eval_metric": "auc",
        "eta": args.eta,
        "max_depth": args.max_depth,
        "min_child_weight": args.min_child_weight,
        "subsample": args.subsample,
        "seed": args.seed,
    }
    model = xgboost.train(
        settings,
        train,
        num_boost_round=args.rounds,
        evals=[(train, "train"), (validation, "validation")],
        early_stopping_rounds=args.patience,
    )
    # What tuning compares is the last value: that of the rounds that are kept.
    model = model[: model.best_iteration + 1]
    print(model.eval(validation, "validation"), flush=True)
    target = Path(os.environ["SM_MODEL_DIR"])
    model.save_model(str(target / "model.json"))
    shutil.copy(Path(os.environ["SM_CHANNEL_TRAIN"]) / "columns.json", target)
    (target / "code").mkdir(exist_ok=True)
    shutil.copy(Path(__file__).with_name("inference.py"), target / "code")


if __name__ == "__main__":
    main()
