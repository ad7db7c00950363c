"""Write messages of the right form into data/messages, to try the pipeline with.

python3 make_data.py [MESSAGES]
"""

from __future__ import annotations

import csv
import random
import sys
from pathlib import Path

THINGS = ["parcel", "invoice", "order", "delivery", "refund", "app", "account", "new lamp", "chair"]
FORMS = {
    "question": [
        "where is my {thing}?",
        "when will the {thing} arrive?",
        "how do i change my {thing}?",
        "can you tell me what happens with the {thing}?",
    ],
    "complaint": [
        "the {thing} is broken, {very} disappointing",
        "still no {thing} after two weeks, this is {very} annoying",
        "my {thing} is wrong again and nobody answers",
        "{very} bad experience with the {thing}",
    ],
    "praise": [
        "thank you, the {thing} is {very} good",
        "great service, the {thing} came early",
        "i love the {thing}, works perfectly",
        "{very} happy with my {thing}",
    ],
}
OPENINGS = ["", "", "hello, ", "hi there, ", "dear team, "]


def message(chance: random.Random) -> tuple[str, str]:
    """A text and what it is."""
    label = chance.choice(sorted(FORMS))
    words = {"thing": chance.choice(THINGS), "very": chance.choice(["very", "really", "so"])}
    return chance.choice(OPENINGS) + chance.choice(FORMS[label]).format(**words), label


def main() -> None:
    """Messages in a few files, always the same."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1200
    chance = random.Random(7)
    directory = Path("data/messages")
    directory.mkdir(parents=True, exist_ok=True)
    for part in range(3):
        with (directory / f"part-{part}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["text", "label"])
            writer.writerows(message(chance) for _ in range(count // 3))
    print(f"{count // 3 * 3} messages in {directory}")


if __name__ == "__main__":
    main()
