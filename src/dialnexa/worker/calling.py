"""Runs what an agent can do beside talking, each kind by whoever knows it: requests, calendars, integrations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from pydantic import ValidationError

from dialnexa.live.conversation.functions import FunctionError
from dialnexa.live.plan import FunctionSpec
from dialnexa.platform.agents.connected import BOOK, CHECK, CalendarFunction, IntegrationFunction
from dialnexa.platform.database import Database
from dialnexa.platform.tenancy.principal import Principal
from dialnexa.platform.wire import sentences
from dialnexa.worker.calendars import BuiltInCalendar, CalComCalendar, CalendarFunctions, CalendarPort
from dialnexa.worker.functions import HttpFunctions
from dialnexa.worker.sending import Sends


class CallFunctions:
    """The functions of one call; a ``live.conversation.functions.FunctionRunner``."""

    def __init__(
        self,
        outgoing: Sends,
        database: Database,
        who: Principal,
        variables: Mapping[str, str],
        *,
        now: Callable[[], datetime],
        call_id: str | None = None,
    ) -> None:
        """Act for ``who``, whose calendars these are; ``call_id`` is kept with what is booked."""
        self._outgoing = outgoing
        self._database = database
        self._who = who
        self._now = now
        self._call_id = call_id
        self._http = HttpFunctions(outgoing, variables)
        self._calendars = CalendarFunctions(self._calendar, variables)

    async def run(self, spec: FunctionSpec, arguments: Mapping[str, object]) -> str:
        """Do it and return what the model shall read. Raises ``FunctionError``; may be cancelled at any time."""
        if spec.kind in {CHECK, BOOK}:
            return await self._calendars.run(spec, arguments)
        if spec.kind == "integration":
            return await self._http.run(_as_request(spec), arguments)
        if spec.kind == "sms":
            raise FunctionError("No carrier for text messages is set up on this installation. Go on without it.")
        return await self._http.run(spec, arguments)

    def know(self, variables: Mapping[str, str]) -> None:
        """Take in what the conversation learned, for the requests from now on."""
        self._http.know(variables)

    def _calendar(self, config: CalendarFunction) -> CalendarPort:
        if config.kind == "cal.com":
            return CalComCalendar(self._outgoing, config, self._now)
        return BuiltInCalendar(self._database, self._who, config, self._now, self._call_id)


def _as_request(spec: FunctionSpec) -> FunctionSpec:
    try:
        wanted = IntegrationFunction.model_validate(spec.config)
    except ValidationError as error:
        problems = ", ".join(sentences(error.errors()))
        raise FunctionError(f"{spec.name} is not set up properly: {problems}. Tell the caller, go on.") from error
    return replace(spec, kind="custom", config=wanted.request())
