"""Analyses calls after they have ended: asks the language model, or does without, and writes what was found.

Promised in the transaction that ends the call, so it happens however often a worker dies; a run that is carried out
again writes and tells only once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol, TypeVar

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.kit.clock import Clock
from dialnexa.kit.logging import about_call
from dialnexa.live.conversation.tokens import TokenCount
from dialnexa.live.plan import Model
from dialnexa.live.speech.ports import Finished, Message, SpeechError, TextDelta
from dialnexa.live.speech.structured import Answer
from dialnexa.platform.calls.analysis import asking, extractive, service
from dialnexa.platform.calls.analysis.asking import Prompt, Unreadable
from dialnexa.platform.calls.analysis.case import Case, Findings
from dialnexa.platform.costs.usage import Tokens
from dialnexa.platform.database import Database
from dialnexa.worker.patience import patiently
from dialnexa.worker.plans import ModelDefaults

log = structlog.get_logger(__name__)
T = TypeVar("T")

_WAITS_S = (2.0, 15.0)
"""Between attempts to get an answer of the model; after them the call is analysed without it."""
_RETRY_S = 2.0
_LONGEST_ANSWER = 2000
"""Tokens."""


class Asks(Protocol):
    """Where a language model is asked: ``live.speech.services.SpeechServices``."""

    async def ask(self, model: Model, messages: Sequence[Message], schema: Mapping[str, object] | None) -> Answer:
        """Return its whole answer, as JSON of a schema if one is given. Raises ``SpeechError``."""
        ...


class Analysing:
    """The analyses of one worker."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        queue: service.AnalysisQueue,
        speech: Asks,
        defaults: ModelDefaults,
    ) -> None:
        self._database = database
        self._clock = clock
        self._queue = queue
        self._speech = speech
        self._defaults = defaults

    async def promise(self, session: AsyncSession, call_id: str) -> None:
        """Have a call analysed that ends here, should the session's transaction commit."""
        await service.promise(session, self._queue, call_id)

    async def analyse(self, subject: str) -> None:
        """Analyse a call (``<call id>:<run>``) and write what was found; a database that is away is waited for."""
        call_id, _, run = subject.partition(":")
        with about_call(call_id):
            case = await self._patiently(lambda session: service.case_of(session, call_id, run), write=False)
            if case is None:
                return
            findings = await self._findings(case)
            now = self._clock.now()
            await self._patiently(lambda session: service.keep(session, call_id, run, findings, now=now), write=True)
            log.info("call_analysed", engine=findings.engine, run=run)

    async def _patiently(self, work: Callable[[AsyncSession], Awaitable[T]], *, write: bool) -> T:
        async def once() -> T:
            async with self._database.write() if write else self._database.read() as session:
                return await work(session)

        return await patiently(once, self._clock, every_s=_RETRY_S, waiting="analysis_not_written_yet")

    async def _findings(self, case: Case) -> Findings:
        model = self._model(case.llm_id)
        if model is None:
            return await asyncio.to_thread(extractive.analyse, case)
        trouble = ""
        for wait in (*_WAITS_S, None):
            try:
                return await _Inquiry(self._speech, model, case).findings()
            except (SpeechError, Unreadable) as error:
                trouble = f"{model.id} did not analyse this call: {error}"
                log.warning("analysis_failed", reason=str(error)[:300], again_in_s=wait)
            if wait is not None:
                await self._clock.sleep(wait)
        trouble = f"{trouble} The embedded engine did it instead."
        return await asyncio.to_thread(extractive.analyse, case, trouble)

    def _model(self, llm_id: str | None) -> Model | None:
        """The model that the agent names, else the installation's; ``None``: there is none."""
        wanted = llm_id if llm_id and not llm_id.startswith("builtin/") else self._defaults.model
        if not wanted or not self._defaults.base_url:
            return None
        return Model(wanted, self._defaults.base_url, self._defaults.api_key, 0.0, _LONGEST_ANSWER)


class _Inquiry:
    """One attempt to have a call analysed by a model."""

    def __init__(self, speech: Asks, model: Model, case: Case) -> None:
        self._speech = speech
        self._model = model
        self._case = case
        self._count = TokenCount()

    async def findings(self) -> Findings:
        """Ask, and once more with what was wrong if the answer cannot be read."""
        pieces = asking.pieces(self._case)
        shown = pieces[0] if len(pieces) == 1 else await self._notes(pieces)
        prompt = asking.question(self._case, shown, notes=len(pieces) > 1)
        text = await self._ask(prompt, asking.schema(self._case))
        try:
            return self._read(text)
        except Unreadable as error:
            mend = f"That cannot be read: {error}. Answer again with the JSON object alone."
            return self._read(await self._ask([*prompt, ("assistant", text), ("user", mend)], None))

    async def _notes(self, pieces: Sequence[str]) -> str:
        """Return notes on each piece of a call that is too long to be shown whole."""
        notes = [
            await self._ask(asking.note_taking(self._case, piece, number, len(pieces)), None)
            for number, piece in enumerate(pieces, 1)
        ]
        return "\n\n".join(notes)[: asking.PIECE]

    async def _ask(self, prompt: Prompt, schema: Mapping[str, object] | None) -> str:
        messages = [Message(role, text) for role, text in prompt]
        with self._count.request(messages) as count:
            answer = await self._speech.ask(self._model, messages, schema)
            count.saw(TextDelta(answer.text))
            count.saw(Finished(prompt_tokens=answer.prompt_tokens, completion_tokens=answer.completion_tokens))
        return answer.text

    def _read(self, text: str) -> Findings:
        count = self._count
        tokens = Tokens(
            model=self._model.id,
            requests=count.requests,
            input_tokens=count.input,
            output_tokens=count.output,
            estimated=count.estimated,
        )
        return asking.read_answer(self._case, text, self._model.id, tokens)
