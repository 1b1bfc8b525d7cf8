"""Reads files in a process of its own, with a limit on memory and time: uploads come from anywhere."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import cast

import orjson

_MODULE = "dialnexa.platform.knowledge.extraction_process"
_LOOK_S = 15.0
_READ_S = 180.0
_LONGEST_LINE = 32 * 1024 * 1024
_BEYOND = (
    "The file cannot be read within the limits on memory and time: it is damaged, or unpacks to far more than it "
    "holds. Print it into a new PDF, or split it."
)


class Unreadable(Exception):
    """The file gives no text; the message says why, and what to do about it."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of the text, ready to be found."""

    page: int
    text: str
    terms: str


@dataclass(frozen=True, slots=True)
class Extract:
    """What a document says."""

    pages: Sequence[str]
    passages: Sequence[Passage]


class Extractor:
    """Starts a process for each file; it is gone afterwards, whatever the file did to it."""

    def __init__(self, command: Sequence[str] = (sys.executable, "-m", _MODULE)) -> None:
        self._command = command

    async def look(self, content: bytes) -> int:
        """Return how many pages a PDF has; raise ``Unreadable`` when it is locked, broken, too long or a bomb."""
        lines = await self._run(["look", "pdf", "en"], content, _LOOK_S)
        return int(str(lines[0]["pages"])) if lines else 0

    async def read(self, kind: str, content: bytes, language: str) -> Extract:
        """Return the text of a document and its passages; raise ``Unreadable``."""
        lines = await self._run(["read", kind, language], content, _READ_S)
        pages = [str(line["page_text"]) for line in lines if "page_text" in line]
        passages = [
            Passage(int(str(line["page"])), str(line["text"]), str(line["terms"])) for line in lines if "terms" in line
        ]
        return Extract(pages, passages)

    async def _run(self, job: Sequence[str], content: bytes, within_s: float) -> list[dict[str, object]]:
        process = await asyncio.create_subprocess_exec(
            *self._command,
            str(os.getpid()),
            *job,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            limit=_LONGEST_LINE,
            start_new_session=True,  # a Ctrl-C at the terminal is the supervisor's to pass on
        )
        try:
            async with asyncio.timeout(within_s), asyncio.TaskGroup() as tasks:
                tasks.create_task(_feed(process, content))
                lines = await _lines(process)
            finished = await process.wait() == 0
        except TimeoutError:
            raise Unreadable(_BEYOND) from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        problem = next((str(line["problem"]) for line in lines if "problem" in line), "")
        if problem or not finished:
            raise Unreadable(problem or _BEYOND)
        return lines


async def _feed(process: asyncio.subprocess.Process, content: bytes) -> None:
    assert process.stdin is not None  # it is a pipe
    with suppress(ConnectionError):  # it may be dead already; its status tells
        process.stdin.write(content)
        await process.stdin.drain()
        process.stdin.close()


async def _lines(process: asyncio.subprocess.Process) -> list[dict[str, object]]:
    """Read one line at a time: a document whole would take the event loop for longer than audio may wait."""
    assert process.stdout is not None  # it is a pipe
    lines = list[dict[str, object]]()
    async for line in process.stdout:
        with suppress(ValueError):  # cut off by its death, which its status tells
            lines.append(cast("dict[str, object]", orjson.loads(line)))
    return lines
