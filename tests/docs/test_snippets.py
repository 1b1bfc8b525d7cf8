"""What the guides tell people to send is sent; what they tell Python to run is compiled against the client."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from tests.api.world import World

ROOT = Path(__file__).parents[2]
PAGES = (
    *("quick-start", "agents", "call-history", "errors", "pagination"),
    *("idempotency", "catalogue", "mcp", "observability"),
)
"""The guides whose every curl can be tried at once; the others have tests of their own."""
COMMANDS = [
    (page, command)
    for page in PAGES
    for block in re.findall(r"```sh\n(.*?)```", (ROOT / "docs" / f"{page}.md").read_text(), re.DOTALL)
    for command in re.split(r"^(?=curl )", block.replace("\\\n", " "), flags=re.MULTILINE)
    if command.strip()
]


def test_there_is_something_to_try() -> None:
    assert {page for page, _ in COMMANDS} == set(PAGES)


@pytest.mark.parametrize(("page", "command"), COMMANDS)
async def test_every_command_works(world: World, page: str, command: str) -> None:
    call = {"to_phone_number": "+16505550110", "agent_id": world.home.agent_id}
    placed = (await world.http.post("/v1/calls", json=call)).json()
    for name, value in {"AGENT_ID": world.home.agent_id, "CALL_ID": placed["call_id"]}.items():
        command = command.replace(f"'${name}'", value).replace(f"${name}", value)
    words = shlex.split(command)
    assert words[0] == "curl"
    url = next(word for word in words if word.startswith("$URL"))
    headers = dict(words[i + 1].split(": ", 1) for i, word in enumerate(words) if word == "-H")
    headers.pop("Authorization", None)
    body = json.loads(words[words.index("-d") + 1]) if "-d" in words else None
    method = words[words.index("-X") + 1] if "-X" in words else "GET"
    answer = await world.http.request(method, url.removeprefix("$URL"), json=body, headers=headers)
    assert answer.is_success, answer.text
    expected = "colour" if page == "errors" else None
    assert answer.headers.get("x-dialnexa-ignored-fields") == expected


def test_links_from_the_readme_lead_somewhere() -> None:
    for target in re.findall(r"\]\(((?!http)[^)#]+)\)", (ROOT / "README.md").read_text()):
        assert (ROOT / target).exists(), target
