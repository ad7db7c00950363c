"""Write recordings of the right form into data/recordings, to try the pipeline with.

python3 make_data.py [RECORDINGS]
"""

from __future__ import annotations

import csv
import math
import random
import sys
from pathlib import Path

SAMPLES = 64
STATES = ["sound", "imbalance", "bearing"]


def recording(state: str, chance: random.Random) -> list[float]:
    """The hum of a machine; out of balance it swings slowly, a worn bearing clicks."""
    turn, phase = chance.uniform(0.18, 0.22), chance.uniform(0, 2 * math.pi)
    click = chance.randint(0, 12)
    samples = []
    for at in range(SAMPLES):
        value = math.sin(2 * math.pi * turn * at + phase) + chance.gauss(0, 0.6)
        if state == "imbalance":
            value += 0.9 * math.sin(math.pi * turn * at + phase)
        if state == "bearing" and at % 13 == click:
            value += chance.choice([-1, 1]) * chance.uniform(1.5, 3)
        samples.append(round(value, 3))
    return samples


def main() -> None:
    """Recordings in a few files, always the same."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1800
    chance = random.Random(7)
    directory = Path("data/recordings")
    directory.mkdir(parents=True, exist_ok=True)
    for part in range(3):
        with (directory / f"part-{part}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            for _ in range(count // 3):
                state = chance.choices(STATES, [0.6, 0.2, 0.2])[0]
                writer.writerow([state, *recording(state, chance)])
    print(f"{count // 3 * 3} recordings in {directory}")


if __name__ == "__main__":
    main()
