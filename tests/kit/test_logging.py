from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from dialnexa.kit.logging import about_call, configure_logging


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_a_line_is_json_with_its_call_and_without_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(level="INFO", as_json=True)
    with about_call("call_1"):
        structlog.get_logger("x").info("dialling", api_key="sk_live_abc", to="+1")
        logging.getLogger("library").warning("from a library")
    structlog.get_logger("x").debug("too quiet")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(line["event"], line["call_id"]) for line in lines] == [
        ("dialling", "call_1"),
        ("from a library", "call_1"),
    ]
    assert lines[0]["api_key"] == "***"


def test_people_get_words(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(level="warning")
    structlog.get_logger("x").warning("trunk is silent", trunk="t1")
    assert "trunk is silent" in capsys.readouterr().err
