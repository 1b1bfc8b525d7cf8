"""Analyses after the call: asked of the model, done without it when it fails, written and told once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.engine import Engine, EngineClient
from dialnexa.live.plan import Model
from dialnexa.live.speech.ports import Message, SpeechError
from dialnexa.live.speech.structured import Answer
from dialnexa.platform.calls.analysis import service
from dialnexa.platform.calls.analysis.service import ANALYSING
from dialnexa.worker.analysing import Analysing
from dialnexa.worker.plans import ModelDefaults
from tests.platform.calls.house import House, said
from tests.platform.calls.serving import Api, HouseClock, serve

GOOD = '{"summary": "They agreed.", "sentiment": "positive", "sentiment_score": 0.9, "reason": "billing"}'
FIELDS = [{"field_name": "reason", "field_type": "text", "field_description": "Why {{customer_name}} calls"}]


@dataclass
class FakeModel:
    """Gives prepared answers, one after the other, the last one for ever; an error is raised."""

    answers: list[str | SpeechError] = field(default_factory=lambda: [GOOD])
    asked: list[str] = field(default_factory=list[str])

    async def ask(self, model: Model, messages: Sequence[Message], schema: Mapping[str, object] | None) -> Answer:
        self.asked.append(messages[-1].content)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, SpeechError):
            raise answer
        return Answer(answer, 100, 20)


@dataclass
class Chores:
    """Remembers what was promised."""

    promised: list[str] = field(default_factory=list[str])

    async def enqueue_chore_in_transaction(self, session: AsyncSession, chore: str, subject_id: str) -> None:
        assert chore == ANALYSING
        self.promised.append(subject_id)

    async def enqueue_in_transaction(self, session: AsyncSession, *call_ids: str) -> None:
        return


@dataclass
class Desk:
    house: House
    chores: Chores
    model: FakeModel = field(default_factory=FakeModel)
    defaults: ModelDefaults = field(default_factory=lambda: ModelDefaults("http://llm.test/v1", "", "gpt-small"))

    @property
    def analysing(self) -> Analysing:
        return Analysing(self.house.database, HouseClock(self.house), self.chores, self.model, self.defaults)

    async def call(self) -> str:
        """Hold a call in which something was said."""
        await self.house.node()
        call = await self.house.talking()
        turns = (said("agent", "What is the reason why you call?", 0), said("user", "My invoice.", 900))
        await self.house.finish(call.id, duration_ms=5000, turns=turns)
        return call.id


@pytest.fixture
async def desk(house: House) -> Desk:
    chores = Chores()
    house.queue = chores
    return Desk(house, chores)


@pytest.fixture
async def api(desk: Desk, tmp_path: Path) -> AsyncIterator[Api]:
    async with serve(desk.house, tmp_path) as served:
        yield served


async def test_what_the_model_found_is_on_the_call_and_told(desk: Desk, api: Api) -> None:
    call_id = await desk.call()
    await desk.analysing.analyse(f"{call_id}:first")
    call = (await api.get(f"/v1/calls/{call_id}")).json()
    assert (call["summary"], call["sentiment"], call["analysis_engine"]) == ("They agreed.", "positive", "gpt-small")
    assert call["usage"]["analysis"]["input_tokens"] == 100
    assert (await desk.house.events())[-3:] == ["call.completed", "call.transcript_ready", "call.analysis_ready"]
    assert (await api.get("/v1/calls", sentiment="positive")).json()["meta"]["total"] == 1


async def test_a_run_done_twice_is_written_and_told_once(desk: Desk) -> None:
    call_id = await desk.call()
    for _ in range(2):
        await desk.analysing.analyse(f"{call_id}:first")
    assert len(desk.model.asked) == 1
    assert (await desk.house.events()).count("call.analysis_ready") == 1


async def test_an_unreadable_answer_is_asked_for_again(desk: Desk, api: Api) -> None:
    call_id = await desk.call()
    desk.model.answers = ["Well, they agreed.", GOOD]
    await desk.analysing.analyse(f"{call_id}:first")
    assert "cannot be read" in desk.model.asked[1]
    call = (await api.get(f"/v1/calls/{call_id}")).json()
    assert (call["summary"], call["usage"]["analysis"]["requests"]) == ("They agreed.", 2)


async def test_a_model_that_fails_is_tried_again_then_done_without(desk: Desk, api: Api) -> None:
    call_id = await desk.call()
    desk.model.answers = [SpeechError("The model is away.")]
    before = desk.house.now
    await desk.analysing.analyse(f"{call_id}:first")
    assert len(desk.model.asked) == 3
    assert (desk.house.now - before).total_seconds() == 17
    call = (await api.get(f"/v1/calls/{call_id}")).json()
    assert call["analysis_engine"] == "builtin/extractive"
    lines = (await api.get(f"/v1/calls/{call_id}/timeline")).json()["data"]
    trouble = [line["detail"]["message"] for line in lines if line["event"] == "trouble"]
    assert trouble == ["gpt-small did not analyse this call: The model is away. The embedded engine did it instead."]


async def test_without_a_model_the_embedded_engine_says_that_it_was_it(desk: Desk, api: Api) -> None:
    call_id = await desk.call()
    await replace(desk, defaults=ModelDefaults("", "", "")).analysing.analyse(f"{call_id}:first")
    call = (await api.get(f"/v1/calls/{call_id}")).json()
    assert (call["analysis_engine"], desk.model.asked) == ("builtin/extractive", [])


async def test_a_call_is_analysed_again_with_other_fields(desk: Desk, api: Api) -> None:
    call_id = await desk.call()
    await desk.analysing.analyse(f"{call_id}:first")
    answer = await api.post(f"/v1/calls/{call_id}/analyze", {"fields": FIELDS})
    assert answer.status_code == 202, answer.text
    assert desk.chores.promised[-1] == f"{call_id}:{answer.json()['run']}"
    await desk.analysing.analyse(desk.chores.promised[-1])
    assert '"reason": text or null. Why Alex Rivera calls' in desk.model.asked[-1]
    assert (await api.get(f"/v1/calls/{call_id}")).json()["post_call_analysis"] == {"reason": "billing"}


async def test_what_cannot_be_analysed_is_refused(desk: Desk, api: Api) -> None:
    live = (await desk.house.place()).id
    assert (await api.post(f"/v1/calls/{live}/analyze")).status_code == 409
    call_id = await desk.call()
    bad = await api.post(f"/v1/calls/{call_id}/analyze", {"fields": [{"field_name": "a b"}]})
    assert bad.status_code == 400
    assert "letters, digits and _" in bad.json()["message"][0]


async def test_a_promised_analysis_survives_its_worker(any_house: House, any_url: str) -> None:
    """The first worker dies with the analysis half done; the second finds it and finishes it."""
    desk = Desk(any_house, Chores())
    call_id = await desk.call()
    done: list[str] = []
    started = asyncio.Event()

    async def never(subject: str) -> None:
        started.set()
        await asyncio.Event().wait()

    async def finish(subject: str) -> None:
        await desk.analysing.analyse(subject)
        done.append(subject)
        started.set()

    async def no_calls(_call_id: str) -> None:
        return

    async with EngineClient.open(any_url) as client:
        async with desk.house.database.write() as session:
            await service.promise(session, client, call_id)
        async with Engine.open(any_url, executor_id="a", capacity=1, run_call=no_calls, chores={ANALYSING: never}):
            await started.wait()
        started.clear()
        async with Engine.open(
            any_url, executor_id="b", capacity=1, run_call=no_calls, chores={ANALYSING: finish}
        ) as second:
            await second.adopt_strays({"b"})
            await started.wait()
    assert done == [f"{call_id}:first"]
    assert (await desk.house.call(call_id)).summary == "They agreed."
