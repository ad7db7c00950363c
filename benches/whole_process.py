#!/usr/bin/env python3
"""Whole-process cost of `synth`, beside that of `--version`, in one run on one machine.

    cargo build --release && benches/whole_process.py [target/release/smstack]

Runs the two in turn and prints, for each, wall time, CPU time and peak memory (minimum and median), the ratio
of the medians, and the size of the binary. Exits 1 when a bound of the project is broken: synth within 3 times
`--version`, 30 MB of memory, 40 MB of binary.
"""

import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 60
RATIO, MEMORY_MB, BINARY_MB = 3.0, 30.0, 40.0


def once(command: list[str]) -> tuple[float, float, float]:
    """Wall seconds, CPU seconds and peak memory in MB of one run."""
    silent = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_WRONLY, 0) for fd in (1, 2)]
    started = time.perf_counter()
    child = os.posix_spawn(command[0], command, os.environ, file_actions=silent)
    _, status, usage = os.wait4(child, 0)
    wall = time.perf_counter() - started
    if os.waitstatus_to_exitcode(status) != 0:
        sys.exit(f"{' '.join(command)} failed")
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main() -> int:
    """Measures, prints, judges."""
    binary = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "target/release/smstack").resolve()
    with tempfile.TemporaryDirectory() as project:
        shutil.copytree(ROOT / "stacks", Path(project) / "stacks")
        os.chdir(project)
        # A directory of its own for each round: an assembly that is there already is not written again.
        commands = {
            "--version": lambda _: [str(binary), "--version"],
            "synth": lambda turn: [str(binary), "synth", "deep-learning", "--out", f"out{turn}"],
        }
        taken: dict[str, list[tuple[float, float, float]]] = {name: [] for name in commands}
        for turn in range(ROUNDS + 5):
            for name, command in commands.items():
                sample = once(command(turn))
                if turn >= 5:
                    taken[name].append(sample)
        os.chdir(ROOT)
    medians = {}
    print(f"{'':12}{'wall ms':>18}{'cpu ms':>18}{'peak MB':>18}    minimum / median of {ROUNDS} runs")
    for name, samples in taken.items():
        columns = list(zip(*samples))
        scale = (1000, 1000, 1)
        cells = [
            f"{min(column) * by:8.2f} /{statistics.median(column) * by:8.2f}"
            for column, by in zip(columns, scale)
        ]
        medians[name] = [statistics.median(column) for column in columns]
        print(f"{name:12}" + "".join(f"{cell:>18}" for cell in cells))
    ratio = medians["synth"][0] / medians["--version"][0]
    memory = medians["synth"][2]
    size = binary.stat().st_size / 1e6
    print(f"ratio of wall times {ratio:.2f} (at most {RATIO}), memory {memory:.1f} MB (at most {MEMORY_MB}),")
    print(f"binary {size:.1f} MB (at most {BINARY_MB})")
    return 0 if ratio <= RATIO and memory <= MEMORY_MB and size <= BINARY_MB else 1


if __name__ == "__main__":
    sys.exit(main())
