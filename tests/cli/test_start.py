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


UNWANTED = {
    "main": HEAVY,
    "keys": HEAVY - {"sqlalchemy", "pydantic", "rich", "structlog"},
    "call": AUDIO | HTTP_SERVER | ENGINE | {"numpy"},
    "up": AUDIO | HTTP_SERVER | {"numpy"},
    "api": {*AUDIO, "mcp"},
    "worker": {*HTTP_SERVER, "mcp"},
}
"""By module of a command, each allowed what those before it are, but for the last two: they part ways."""
LOADS = """
import importlib, os, sys
def load(name):
    importlib.import_module("dialnexa.cli." + name)
    print(name, *{module.partition(".")[0] for module in sys.modules}, flush=True)
for name in ("main", "keys", "call", "up"):
    load(name)
for name in ("api", "worker"):
    if os.fork() == 0:
        load(name)
        os._exit(0)
    assert os.wait()[1] == 0
"""


@pytest.fixture(scope="module")
def loaded() -> dict[str, set[str]]:
    """What an interpreter has loaded once it has each command; it loads them one upon the other, for that is costly."""
    done = subprocess.run([sys.executable, "-c", LOADS], capture_output=True, text=True, check=True)
    return {name: set(packages) for name, *packages in map(str.split, done.stdout.splitlines())}


@pytest.mark.parametrize("name", UNWANTED)
def test_a_command_loads_no_more_than_it_needs(name: str, loaded: dict[str, set[str]]) -> None:
    assert not loaded[name] & UNWANTED[name]
    assert COMMANDS.get(name) is None or COMMANDS[name].module == f"dialnexa.cli.{name}"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_the_list_is_there(name: str) -> None:
    done = CliRunner().invoke(app, [name, "--help"], env={"COLUMNS": "200"})
    assert done.exit_code == 0, done.output
    assert f"Usage: dialnexa {name}" in done.output


def test_a_command_that_nobody_has_is_corrected() -> None:
    done = CliRunner().invoke(app, ["workr"])
    assert done.exit_code == 2
    assert "Did you mean 'worker'" in done.output
