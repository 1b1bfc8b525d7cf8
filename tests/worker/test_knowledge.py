"""What a caller asks finds its way from the database into the talk, and onto the record."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dialnexa.live.outcome import CallOutcome, Ending, EndReason
from dialnexa.live.plan import Knowledge
from dialnexa.live.timeline import Passage
from dialnexa.platform.calls.schemas import TurnOut
from dialnexa.platform.knowledge.searching import Search
from dialnexa.worker.knowledge import library
from dialnexa.worker.translate import result
from tests.api.test_knowledge import HOURS, PRICES, make, read_all, upload
from tests.api.world import NOON, World
from tests.live.conversation.stories import story


async def test_a_caller_s_question_is_answered_and_cited(world: World, tmp_path: Path) -> None:
    base, document_id = await _clinic(world)
    shelf = library(Search(world.database), world.home.workspace_id, Knowledge((base, "kb_gone"), 2, 0.5))
    assert shelf is not None
    found = await shelf.search("What does a check-up cost?")
    assert [(one.title, one.score) for one in found] == [("prices", 1.0)]
    assert library(Search(world.database), world.home.workspace_id, Knowledge()) is None
    elsewhere = library(Search(world.database), "ws_other", Knowledge((base,), 2, 0.0))
    assert elsewhere is not None
    assert await elsewhere.search("What does a check-up cost?") == [], "another workspace sees nothing"
    async with story(replies=["Forty dollars."], library=Remembered(found)) as call:
        await call.agent_is_done()
        await call.says("What does a check-up cost?")
        await call.agent_is_done()
        turns = call.turns
    outcome = CallOutcome(Ending.COMPLETED, EndReason.USER_DISCONNECTED, NOON, NOON, 0, turns=turns)
    shown = [TurnOut.of(turn) for turn in result(outcome, tmp_path, ()).turns]
    assert [len(turn.citations) for turn in shown] == [0, 0, 1]
    cited = shown[2].citations[0]
    assert (cited.document_id, cited.knowledge_base_id, cited.title, cited.page) == (document_id, base, "prices", 1)
    assert (cited.chunk_id, cited.score) == (f"{document_id}-1", 1.0)


class Remembered:
    """Answers with what was found before, so that the story can run in virtual time."""

    patience_s = 0.15

    def __init__(self, found: Sequence[Passage]) -> None:
        self.found = found

    async def search(self, question: str) -> Sequence[Passage]:
        return self.found


async def _clinic(world: World) -> tuple[str, str]:
    base = await make(world, "Clinic")
    await upload(world, base["id"], "hours.txt", HOURS.encode())
    document = await upload(world, base["id"], "prices.txt", PRICES.encode())
    await read_all(world)
    return base["id"], document["id"]
