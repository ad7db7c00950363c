"""Write rows of the right form into data/training-data, to try the pipeline with.

python3 make_data.py [ROWS]
"""

from __future__ import annotations

import csv
import random
import sys
from pathlib import Path

FEATURES = 20
CLASSES = 10


def main() -> None:
    """Ten classes of uneven size, each around two centres; a few values missing or far off."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 6000
    chance = random.Random(7)
    centres = [
        [[chance.gauss(0, 2.2) for _ in range(FEATURES)] for _ in "ab"] for _ in range(CLASSES)
    ]
    weights = [1 / (1 + label / 3) for label in range(CLASSES)]
    directory = Path("data/training-data")
    directory.mkdir(parents=True, exist_ok=True)
    for part in range(4):
        with (directory / f"part-{part}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow([*(f"feature_{at}" for at in range(FEATURES)), "label"])
            for _ in range(rows // 4):
                label = chance.choices(range(CLASSES), weights)[0]
                values: list[object] = [
                    round(chance.gauss(at, 1), 4) for at in chance.choice(centres[label])
                ]
                if chance.random() < 0.05:
                    values[chance.randrange(FEATURES)] = ""
                if chance.random() < 0.01:
                    values[chance.randrange(FEATURES)] = 1e6
                writer.writerow([*values, f"class-{label}"])
    print(f"{rows // 4 * 4} rows in {directory}")


if __name__ == "__main__":
    main()
