"""The desk: calls that are asked for at the same time are placed in one transaction.

Every call locks its workspace's limit until its transaction ends, and SQLite has one writer anyway, so single calls
would wait for each other's commits. Together they share the reads, the statements and the commit.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from dialnexa.kit.together import Together
from dialnexa.platform.calls import placing
from dialnexa.platform.calls.placing import Order, Placed, Queue
from dialnexa.platform.calls.request import CallIn
from dialnexa.platform.database import Database, before_commit
from dialnexa.platform.tenancy.audit import Line
from dialnexa.platform.tenancy.principal import Principal
from dialnexa.platform.tenancy.terms import Terms


class Desk:
    """Where requests hand in the calls they want placed; one per process."""

    def __init__(self, database: Database, queue: Queue, terms: Terms) -> None:
        self._database = database
        self._queue = queue
        self._terms = terms
        self._orders = Together(self._place)

    async def place(self, who: Principal, body: CallIn, *, now: datetime) -> Placed:
        """Accept a call, or raise what is wrong with it; a refused one leaves no row.

        What the request adds to its transactions (audit log, ``Idempotency-Key``) goes into the one it shares.
        """
        added = before_commit.get()
        line = next((one for one in added if isinstance(one, Line)), None)
        marks = tuple(one for one in added if not isinstance(one, Line))
        return await self._orders.ask(Order(who, body, now, line=line, marks=marks))

    async def _place(self, orders: Sequence[Order]) -> Sequence[Placed | Exception]:
        token = before_commit.set(())  # each order brings its own; the request that carries them out is but one
        try:
            async with self._database.write() as session:
                return await placing.place_all(session, orders, queue=self._queue, terms=self._terms)
        finally:
            before_commit.reset(token)
