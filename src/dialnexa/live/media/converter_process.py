"""The converter process: reads jobs as JSON lines from standard input, answers each with one on standard output.

Started by ``converter.py`` as ``python -m``. It runs at the lowest priority, so that conversion takes what the media
clock leaves; it ends with its input, with its parent, and when nothing was asked of it for a while.
"""

from __future__ import annotations

import os
import select
import sys
from pathlib import Path

import orjson

from dialnexa.kit.process import die_with_parent
from dialnexa.live.media.conversion import ConversionError, convert

_NICE = 19
_IDLE_S = 60.0


def main() -> None:
    """Serve until the input ends or falls silent."""
    die_with_parent(int(sys.argv[1]))
    os.nice(_NICE)
    source, target = sys.stdin.fileno(), sys.stdout.buffer
    waiting = b""
    while True:
        if b"\n" not in waiting:
            if not select.select([source], [], [], _IDLE_S)[0]:
                return
            read = os.read(source, 65536)
            if not read:
                return
            waiting += read
            continue
        line, _, waiting = waiting.partition(b"\n")
        target.write(orjson.dumps(_answer(orjson.loads(line))) + b"\n")
        target.flush()


def _answer(job: dict[str, str]) -> dict[str, object]:
    try:
        made = convert(Path(job["source"]), Path(job["target"]))
    except ConversionError as error:
        return {"error": str(error)}
    return {"duration_ms": made.duration_ms, "size_bytes": made.size_bytes}


if __name__ == "__main__":
    main()
