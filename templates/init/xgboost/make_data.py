"""Write customers of the right form into data/customers, to try the pipeline with.

python3 make_data.py [ROWS]
"""

from __future__ import annotations

import csv
import math
import random
import sys
from pathlib import Path

COLUMNS = ["churned", "tenure", "monthly", "calls", "contract", "autopay"]


def customer(chance: random.Random) -> list[object]:
    """One row. Whoever is new, pays much, calls often and is bound to nothing leaves more often."""
    tenure = chance.randint(0, 72)  # months
    monthly = round(chance.uniform(15, 120), 2)  # the bill
    calls = min(int(chance.expovariate(0.6)), 9)  # to support, in the last month
    contract = chance.choice(["monthly", "yearly", "two years"])
    autopay = chance.randint(0, 1)
    bound = {"monthly": 1.2, "yearly": -0.6, "two years": -1.6}[contract]
    odds = bound - tenure / 18 + monthly / 45 + calls / 1.5 - autopay * 0.7 - 1.2
    leaves = chance.random() < 1 / (1 + math.exp(-odds))
    # Some values are missing, as they are in any real table.
    known = "" if chance.random() < 0.02 else monthly
    return [int(leaves), tenure, known, calls, contract, autopay]


def main() -> None:
    """Rows in a few files, always the same."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 4000
    chance = random.Random(7)
    directory = Path("data/customers")
    directory.mkdir(parents=True, exist_ok=True)
    for part in range(4):
        with (directory / f"part-{part}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            writer.writerows(customer(chance) for _ in range(rows // 4))
    print(f"{rows // 4 * 4} customers in {directory}")


if __name__ == "__main__":
    main()
