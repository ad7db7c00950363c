"""Messages into training, validation and test sets.

Reads every CSV file in <base>/input/messages: a header with `text` and `label`.
Writes one file a set, and beside the training set `labels.json`. Rows without a
text or a label are refused, and counted; of equal texts one is kept, so that no
set has what another has.

Needs Python only. The base is /opt/ml/processing; SMSTACK_BASE_DIR stands for /opt/ml.
"""

from __future__ import annotations

import csv
import json
import os
import random
import sys
from pathlib import Path

BASE = Path(os.environ.get("SMSTACK_BASE_DIR", "/opt/ml")) / "processing"
SHARES = {"train": 0.7, "validation": 0.15, "test": 0.15}


def read(directory: Path) -> dict[str, str]:
    """The label of each text."""
    messages: dict[str, str] = {}
    refused = again = 0
    for path in sorted(directory.rglob("*.csv")):
        with path.open(newline="", encoding="utf-8-sig") as file:
            for row in csv.DictReader(file):
                text, label = (
                    " ".join((row.get(name) or "").split()) for name in ("text", "label")
                )
                if not text or not label:
                    refused += 1
                elif text in messages:
                    again += 1
                else:
                    messages[text] = label
    print(
        f"{len(messages)} messages; refused {refused} without text or label, left out {again} again"
    )
    if len(messages) < 20:
        sys.exit("too few messages to learn from")
    return messages


def divide(messages: dict[str, str]) -> dict[str, list[tuple[str, str]]]:
    """The sets; each label is divided by itself, so that all sets have the same share of it."""
    chance = random.Random(20240501)
    sets: dict[str, list[tuple[str, str]]] = {name: [] for name in SHARES}
    for label in sorted(set(messages.values())):
        members = [message for message in messages.items() if message[1] == label]
        chance.shuffle(members)
        start = 0.0
        for name, share in SHARES.items():
            end = start + share
            sets[name] += members[round(start * len(members)) : round(end * len(members))]
            start = end
    for members in sets.values():
        chance.shuffle(members)
    return sets


def main() -> None:
    """Read, refuse, divide, write."""
    messages = read(BASE / "input" / "messages")
    for name, members in divide(messages).items():
        directory = BASE / "output" / name
        directory.mkdir(parents=True, exist_ok=True)
        with (directory / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["text", "label"])
            writer.writerows(members)
        print(f"{name}: {len(members)} messages")
    labels = sorted(set(messages.values()))
    path = BASE / "output" / "train" / "labels.json"
    path.write_text(json.dumps(labels) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
