"""Keeps trunks registered at their carriers: those that are this worker's, as they are set now, until it drains."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

import structlog
from sqlalchemy.exc import SQLAlchemyError

from dialnexa.kit.clock import Clock
from dialnexa.kit.secrets import Vault
from dialnexa.live.plan import Credentials
from dialnexa.live.sip.endpoint import Registration, RegistrationState, SipEndpoint
from dialnexa.platform.database import Database
from dialnexa.platform.numbers import registrations
from dialnexa.platform.numbers.registrations import RegistrationReport, WantedRegistration
from dialnexa.worker.patience import one_round
from dialnexa.worker.routes import over_edge

log = structlog.get_logger(__name__)

_LOOK_EVERY_S = 1.0
_FAREWELL_S = 3.0
"""How long a registrar may take to answer that we are gone; then we are gone without its word."""

_Report = Callable[[RegistrationReport], None]


class Registrations:
    """All registrations of one worker. ``run`` until cancelled, then ``close``."""

    def __init__(
        self, database: Database, vault: Vault, node_id: str, endpoint: SipEndpoint, clock: Clock, edge: str = ""
    ) -> None:
        """``edge``: the proxy before the workers, for trunks that name none of their own."""
        self._edge = edge
        self._database = database
        self._vault = vault
        self._node_id = node_id
        self._endpoint = endpoint
        self._clock = clock
        self._keepers: dict[str, _Keeper] = {}
        self._reports: dict[str, RegistrationReport] = {}
        self._news = asyncio.Event()
        self._closed = False

    async def run(self) -> None:
        """Follow the trunks' settings and the other workers' coming and going, and write down what comes of it."""
        while not self._closed:
            with one_round("registrations"):
                await self._look()
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_EVERY_S):
                    await self._news.wait()

    async def close(self) -> None:
        """Take every registration back, and let other workers have the trunks."""
        self._closed = True
        keepers = list(self._keepers.values())
        await asyncio.gather(*(keeper.end() for keeper in keepers))
        kept = list(self._keepers)
        self._keepers.clear()
        if kept:
            await self._release(kept)

    async def _look(self) -> None:
        self._news.clear()
        await self._write_reports()
        wanted = {one.trunk_id: one for one in await self._wanted()}
        if self._closed:
            return
        given_up = [trunk_id for trunk_id in self._keepers if trunk_id not in wanted]
        if given_up:
            await asyncio.gather(*(self._keepers.pop(trunk_id).end() for trunk_id in given_up))
            await self._release(given_up)
        for trunk_id, one in wanted.items():
            keeper = self._keepers.get(trunk_id)
            if keeper is None:
                keeper = self._keepers[trunk_id] = _Keeper(self._endpoint, self._clock, self._note)
            keeper.want(replace(one, proxy=one.proxy or over_edge(self._edge, one.transport)))

    async def _wanted(self) -> list[WantedRegistration]:
        now = self._clock.now()
        async with self._database.read() as session:  # nearly always there is nothing to take: leave the writer alone
            found = await registrations.keep(session, self._vault, self._node_id, now=now, may_take=False)
        if found is not None:
            return found
        async with self._database.write() as session:
            return await registrations.keep(session, self._vault, self._node_id, now=now, may_take=True) or []

    def _note(self, report: RegistrationReport) -> None:
        self._reports[report.trunk_id] = report
        self._news.set()

    async def _write_reports(self) -> None:
        if not self._reports:
            return
        reports, self._reports = self._reports, {}
        try:
            async with self._database.write() as session:
                await registrations.report(session, self._node_id, reports.values(), now=self._clock.now())
        except BaseException:  # cancelled or failed: the next round tells them
            self._reports = {**reports, **self._reports}  # what came meanwhile is newer
            raise

    async def _release(self, trunk_ids: list[str]) -> None:
        for trunk_id in trunk_ids:
            self._reports.pop(trunk_id, None)
        try:
            async with self._database.write() as session:
                await registrations.release(session, self._node_id, trunk_ids)
        except (SQLAlchemyError, OSError) as error:  # the rows go to others with our lease
            log.warning("registrations_not_released", error=repr(error))


class _Keeper:
    """One trunk's registration. The old one is taken back before a changed one is made, for both may be one binding."""

    def __init__(self, endpoint: SipEndpoint, clock: Clock, report: _Report) -> None:
        self._endpoint = endpoint
        self._clock = clock
        self._report = report
        self._wanted: WantedRegistration | None = None
        self._changed = asyncio.Event()
        self._task = asyncio.create_task(self._keep())

    def want(self, wanted: WantedRegistration) -> None:
        """Keep this; nothing happens when it is kept already."""
        if wanted != self._wanted:
            self._wanted = wanted
            self._changed.set()

    async def end(self) -> None:
        """Take the registration back; returns within 3 s, whatever the registrar says."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _keep(self) -> None:
        made: Registration | None = None
        try:
            while True:
                await self._changed.wait()
                self._changed.clear()
                if made is not None:
                    await _taken_back(made)
                made = self._make(self._wanted) if self._wanted else None
        finally:
            if made is not None:
                await _taken_back(made)

    def _make(self, wanted: WantedRegistration) -> Registration | None:
        try:
            return self._endpoint.register(
                wanted.user,
                host=wanted.host,
                port=wanted.port,
                credentials=Credentials(wanted.username, wanted.password),
                transport=wanted.transport,
                proxy=wanted.proxy,
                domain=wanted.domain,
                lifetime_s=wanted.lifetime_s,
                on_change=lambda registration: self._on_change(wanted, registration),
            )
        except ValueError as error:
            self._report(RegistrationReport(wanted.trunk_id, "failed", f"The trunk cannot be registered: {error}."))
            return None

    def _on_change(self, wanted: WantedRegistration, registration: Registration) -> None:
        status = registration.status
        if status.state is RegistrationState.ENDED or wanted is not self._wanted:
            return
        until, again = self._moment(status.expires_at), self._moment(status.next_try_at)
        about = log.bind(trunk=wanted.trunk_id, host=wanted.host, user=wanted.user)
        if status.state is RegistrationState.FAILED:
            about.warning("trunk_registration_failed", reason=status.reason, next_try_at=again)
        elif status.state is RegistrationState.REGISTERED:
            about.info("trunk_registered", until=until)
        self._report(RegistrationReport(wanted.trunk_id, status.state.value, status.reason, until, again))

    def _moment(self, seconds: float) -> datetime | None:
        """Translate the endpoint's time, which is the loop's, into a moment; 0 is none."""
        if not seconds:
            return None
        return self._clock.now() + timedelta(seconds=seconds - asyncio.get_running_loop().time())


async def _taken_back(registration: Registration) -> None:
    try:
        async with asyncio.timeout(_FAREWELL_S):
            await registration.end()
    except TimeoutError:
        registration.close()
