"""Write sales of the right form into data/sales, to try the pipeline with.

python3 make_data.py [DAYS]
"""

from __future__ import annotations

import csv
import random
import sys
from pathlib import Path

SHOPS = ["north", "south", "east", "west", "station", "airport"]


def main() -> None:
    """A file a shop, always the same."""
    days = int(sys.argv[1]) if len(sys.argv) > 1 else 730
    chance = random.Random(7)
    directory = Path("data/sales")
    directory.mkdir(parents=True, exist_ok=True)
    for shop in SHOPS:
        usual = chance.uniform(40, 200)
        weekend, summer = chance.uniform(0.5, 1.8), chance.uniform(0.7, 1.6)
        with (directory / f"{shop}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["shop", "units", "weekday", "month", "price", "promotion"])
            for day in range(days):
                weekday, month = day % 7, day // 30 % 12 + 1
                price = round(chance.uniform(8, 12), 1)
                promotion = int(chance.random() < 0.15)
                units = usual * (weekend if weekday > 4 else 1) * (summer if 5 < month < 9 else 1)
                units *= (10 / price) * (1.5 if promotion else 1) * chance.gauss(1, 0.1)
                writer.writerow([shop, max(0, round(units)), weekday, month, price, promotion])
    print(f"{days} days of {len(SHOPS)} shops in {directory}")


if __name__ == "__main__":
    main()
