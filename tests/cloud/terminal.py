"""A command at a terminal, with somebody who types: what it showed goes to stdout, its exit code is ours.

    python terminal.py 'WORDS' 'KEYS' ['WORDS' 'KEYS']… -- COMMAND…

Each KEYS (`^C`, or text that Enter follows) is typed as soon as the WORDS before it have been shown.
"""

import os
import pty
import select
import sys
import time

LIMIT = 120  # seconds


def main(arguments: list[str]) -> int:
    at = arguments.index("--")
    script, command = arguments[:at], arguments[at + 1 :]
    steps = list(zip(script[::2], script[1::2], strict=True))
    child, terminal = pty.fork()
    if child == 0:
        os.execvp(command[0], command)
    shown, seen, end = "", 0, time.monotonic() + LIMIT
    while time.monotonic() < end:
        if not select.select([terminal], [], [], 1)[0]:
            continue
        try:
            part = os.read(terminal, 65536)
        except OSError:  # Linux says so when the other side has closed
            break
        if not part:
            break
        shown += part.decode(errors="replace")
        # Words count only after those before them.
        while steps and (found := shown.find(steps[0][0], seen)) >= 0:
            seen = found + len(steps[0][0])
            keys = steps.pop(0)[1]
            os.write(terminal, b"\x03" if keys == "^C" else f"{keys}\n".encode())
    else:
        os.kill(child, 9)
    sys.stdout.write(shown)
    sys.stdout.flush()
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
