"""What the guides on knowledge and functions show is what the API takes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from tests.api.test_calendars import make as make_calendar
from tests.api.test_knowledge import make as make_base
from tests.api.world import World

DOCS = Path(__file__).parents[2] / "docs"


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)


async def test_every_function_shown_can_be_saved(world: World) -> None:
    calendar = await make_calendar(world)
    shown: list[dict[str, Any]] = []
    for block in blocks("functions.md", "json"):
        read = json.loads(block.replace("cal_01k…", calendar))
        shown += read if isinstance(read, list) else [read]
    examples = [one for one in shown if one["config"]]
    assert len(examples) == 4
    agent = await world.agent(agent_functions=[{**one, "config": _told(one["config"])} for one in examples])
    assert [one["type"] for one in agent["agent_functions"]] == [one["type"] for one in examples]


async def test_the_commands_that_make_things_work(world: World) -> None:
    bodies = [
        json.loads(body)
        for page in ("knowledge.md", "functions.md")
        for block in blocks(page, "bash")
        for body in re.findall(r"-d '(\{.*?\})'", block, re.DOTALL)
    ]
    base, question, calendar, _trial = bodies
    assert (await world.http.post("/v1/knowledge-base", json=base)).status_code == 201
    assert (await world.http.post("/v1/calendars", json=calendar)).status_code == 201
    clinic = await make_base(world, "Another")
    asked = await world.http.post(f"/v1/knowledge-base/{clinic['id']}/search", json=question)
    assert (asked.status_code, asked.headers.get("x-dialnexa-ignored-fields")) == (200, None)


def _told(config: dict[str, Any]) -> dict[str, Any]:
    """Fill in what the guide leaves to the reader: secrets."""
    return json.loads(json.dumps(config, ensure_ascii=False).replace("…", "x"))
