"""What docs/telephony.md tells people to send, sent; what it names, looked up."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from dialnexa.platform.numbers.trunk_schemas import TrunkIn
from dialnexa.settings import Settings
from tests.api.contract import document
from tests.api.world import World

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "telephony.md").read_text()
COMMANDS = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)


def test_there_is_something_to_try() -> None:
    assert len(COMMANDS) >= 4


@pytest.mark.parametrize("command", COMMANDS)
async def test_every_command_works(world: World, command: str) -> None:
    words = shlex.split(command.replace("\\\n", " "))
    assert words[0] == "curl"
    url = next(word for word in words if word.startswith("$URL"))
    body = json.loads(words[words.index("-d") + 1]) if "-d" in words else None
    method = words[words.index("-X") + 1] if "-X" in words else "GET"
    answer = await world.http.request(method, url.removeprefix("$URL"), json=body)
    assert answer.is_success, answer.text
    assert "x-dialnexa-ignored-fields" not in answer.headers


def test_every_setting_exists() -> None:
    named = set(re.findall(r"DIALNEXA_([A-Z_]+)", PAGE))
    assert len(named) > 10
    assert named <= {name.upper() for name in Settings.model_fields}


def test_every_path_is_served(world: World) -> None:
    served = {re.sub(r"\{\w+\}", "{}", path) for path in document(world.app)["paths"]}
    named = {path.rstrip("/.,") for path in re.findall(r"(?:GET|POST|PATCH|DELETE) (/v1/[\w/{}-]+)", PAGE)}
    assert named
    assert {re.sub(r"\{\w+\}", "{}", path) for path in named} <= served


def test_every_trunk_setting_is_explained() -> None:
    table = PAGE.partition("## All settings of a trunk")[2].partition("## Firewall")[0]
    explained = set(re.findall(r"`(\w+)`", "".join(line.split("|")[1] for line in table.splitlines() if "|" in line)))
    accepted = set(TrunkIn.model_json_schema()["properties"])
    own = {"phoneNumber", "nickname", "sipTrunkUserName", "sipTrunkPassword"}
    assert explained == accepted - own


def test_every_file_it_points_to_is_there() -> None:
    for name in ("deploy/kamailio", "deploy/kamailio/kamailio.cfg", "deploy/kamailio/workers.list", "bench/results"):
        assert (ROOT / name).exists()
    assert "docs/telephony.md" in (ROOT / "README.md").read_text()
