"""Who runs which kind of function, and what a conversation learned on the way to it."""

from __future__ import annotations

from typing import Any

import pytest

from dialnexa.kit.clock import SystemClock
from dialnexa.live.conversation.functions import FunctionError
from dialnexa.live.plan import FunctionSpec
from dialnexa.worker.calling import CallFunctions
from tests.worker.test_functions import URL, Server, says, spec

NOBODY: Any = None
"""What only calendars ask for."""


def functions(server: Server) -> CallFunctions:
    return CallFunctions(server, NOBODY, NOBODY, {}, now=SystemClock().now)


async def test_text_messages_have_no_carrier_here_and_say_so() -> None:
    with pytest.raises(FunctionError, match="No carrier for text messages is set up"):
        await functions(Server([])).run(FunctionSpec("note", "sms", ""), {"to": "+14155550100", "text": "Hi."})


async def test_what_the_conversation_learned_reaches_the_request() -> None:
    server = Server([says({})])
    calling = functions(server)
    calling.know({"order": "A-17"})
    await calling.run(spec(url=f"{URL}/{{{{order}}}}", method="GET"), {})
    assert server.asked[0]["url"] == f"{URL}/A-17"
