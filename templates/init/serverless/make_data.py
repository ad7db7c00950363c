"""Write deliveries of the right form into data/deliveries, to try the pipeline with.

python3 make_data.py [ROWS]
"""

from __future__ import annotations

import csv
import random
import sys
from pathlib import Path

COLUMNS = ["minutes", "distance", "items", "hour", "weather"]


def delivery(chance: random.Random) -> list[object]:
    """One row."""
    distance = round(chance.uniform(0.3, 12), 1)  # km
    items = chance.randint(1, 9)
    hour = chance.randint(8, 22)
    weather = chance.choice(["dry", "dry", "dry", "rain", "snow"])
    slow = {"dry": 1.0, "rain": 1.25, "snow": 1.7}[weather] * (1.3 if hour in (17, 18, 19) else 1)
    minutes = 8 + 1.5 * items + 3.2 * distance * slow + chance.gauss(0, 3)
    # Some values are missing, as they are in any real table.
    known = "" if chance.random() < 0.02 else weather
    return [round(max(minutes, 5), 1), distance, items, hour, known]


def main() -> None:
    """Rows in a few files, always the same."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 3000
    chance = random.Random(7)
    directory = Path("data/deliveries")
    directory.mkdir(parents=True, exist_ok=True)
    for part in range(3):
        with (directory / f"part-{part}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            writer.writerows(delivery(chance) for _ in range(rows // 3))
    print(f"{rows // 3 * 3} deliveries in {directory}")


if __name__ == "__main__":
    main()
