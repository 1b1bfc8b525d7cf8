"""Logs as a machine reads them."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import pytest
import structlog

from dialnexa.kit.logging import configure_logging


@contextmanager
def as_json(capsys: pytest.CaptureFixture[str]) -> Generator[Callable[[], list[dict[str, Any]]]]:
    """Log JSON inside the block, and give what reads the lines so far. Not for fixtures: pytest's handlers change."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    configure_logging(as_json=True)
    try:
        yield lambda: [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        structlog.reset_defaults()
