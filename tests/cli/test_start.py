"""What a command loads before it does anything: only what it needs, so that ``dialnexa keys`` answers at once."""

from __future__ import annotations

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from dialnexa.cli.main import COMMANDS, app

AUDIO = {"onnxruntime", "pocketsphinx"}
HTTP_SERVER = {"fastapi", "uvicorn"}
ENGINE = {"dbos", "alembic"}
HEAVY = {*AUDIO, *HTTP_SERVER, *ENGINE, "numpy", "sqlalchemy", "pydantic", "httpx", "rich", "structlog"}


def loaded(module: str) -> set[str]:
    """Import a module in a fresh interpreter and return the packages that came with it."""
    program = f"import {module}, sys; print(*{{name.partition('.')[0] for name in sys.modules}})"
    return set(
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    )


def test_the_list_of_commands_loads_none_of_them() -> None:
    assert not loaded("dialnexa.cli.main") & HEAVY


@pytest.mark.parametrize(
    ("command", "unwanted"),
    [
        ("keys", HEAVY - {"sqlalchemy", "pydantic", "rich", "structlog"}),
        ("call", AUDIO | HTTP_SERVER | ENGINE | {"numpy"}),
        ("up", AUDIO | HTTP_SERVER | {"numpy"}),
        ("api", AUDIO),
        ("worker", HTTP_SERVER),
    ],
)
def test_a_command_loads_no_more_than_it_needs(command: str, unwanted: set[str]) -> None:
    assert not loaded(COMMANDS[command].module) & unwanted


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_the_list_is_there(name: str) -> None:
    done = CliRunner().invoke(app, [name, "--help"], env={"COLUMNS": "200"})
    assert done.exit_code == 0, done.output
    assert f"Usage: dialnexa {name}" in done.output


def test_a_command_that_nobody_has_is_corrected() -> None:
    done = CliRunner().invoke(app, ["workr"])
    assert done.exit_code == 2
    assert "Did you mean 'worker'" in done.output
