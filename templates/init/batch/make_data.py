"""Write loans and new applications into data/, to try the pipeline with.

python3 make_data.py [LOANS]
"""

from __future__ import annotations

import csv
import json
import math
import random
import sys
from pathlib import Path

COLUMNS = ["amount", "months", "income", "purpose"]


def application(chance: random.Random) -> dict[str, object]:
    """What somebody asks for."""
    return {
        "amount": chance.randrange(1_000, 40_000, 500),
        "months": chance.choice([12, 24, 36, 48, 60]),
        "income": round(chance.lognormvariate(7.9, 0.4)),  # a month
        "purpose": chance.choice(["car", "home", "studies", "other"]),
    }


def repaid(asked: dict[str, object], chance: random.Random) -> int:
    """Whether it was paid back: high rates for the income are not."""
    rate = float(str(asked["amount"])) / int(str(asked["months"])) / int(str(asked["income"]))
    odds = 3.2 - 7 * rate + (asked["purpose"] == "home") * 0.8
    return int(chance.random() < 1 / (1 + math.exp(-odds)))


def main() -> None:
    """Always the same."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 3000
    chance = random.Random(7)
    directory = Path("data/loans")
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "loans.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["repaid", *COLUMNS])
        for _ in range(count):
            asked = application(chance)
            writer.writerow([repaid(asked, chance), *asked.values()])
    directory = Path("data/applications")
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "new.jsonl").open("w", encoding="utf-8") as file:
        for at in range(count // 10):
            file.write(json.dumps({"id": f"a-{at}", **application(chance)}) + "\n")
    print(f"{count} loans in data/loans, {count // 10} applications in data/applications")


if __name__ == "__main__":
    main()
