"""Scanners in the record: one line an address and minute, on every database."""

from __future__ import annotations

from datetime import timedelta

from dialnexa.kit.pagination import Page
from dialnexa.platform.calls import rejections
from dialnexa.platform.calls.rejections import NOBODY_KNOWS, TurnedAway
from tests.platform.numbers.carriers import NOON, open_carriers

SCANNER = TurnedAway("198.51.100.9", 5000, f"The request came from an address {NOBODY_KNOWS}.", None, "100", "9011")


async def test_a_flood_is_one_line_a_minute(blank_url: str) -> None:
    async with open_carriers(blank_url) as carriers:
        for seconds in (0, 5, 10, 70):
            async with carriers.database.write() as session:
                await rejections.write_turned_away(session, [SCANNER], now=NOON + timedelta(seconds=seconds))
        async with carriers.database.read() as session:
            part = await rejections.of_workspace(session, carriers.who.workspace_id, Page())
            count, worst = await rejections.strangers_since(session, NOON - timedelta(hours=1))
    assert [(line.source, line.attempts, line.sip_status) for line in part.items] == [
        ("198.51.100.9", 5000, None),
        ("198.51.100.9", 15000, None),
    ]
    assert (count, worst) == (20000, "198.51.100.9")
