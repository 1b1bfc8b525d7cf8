"""History: a million calls in one workspace, and how soon lists of them are found, counted and read."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import typer
from sqlalchemy import func, select, text

from dialnexa.cli.benchmark.figures import Goal, spread
from dialnexa.cli.benchmark.report import Facts
from dialnexa.kit.pagination import Page
from dialnexa.platform.calls import finding, reading
from dialnexa.platform.calls.finding import Scope
from dialnexa.platform.calls.models import Call
from dialnexa.platform.calls.search import Filters
from dialnexa.platform.database import Database
from dialnexa.platform.migrations import migrate
from dialnexa.platform.tenancy.models import Account, Workspace

GOALS = (Goal("list and filter, p99, ms", "all_ms", "p99", 50.0),)
_SCOPE = Scope("ws_bench", livemode=True)
_FIRST = datetime(2025, 1, 1, tzinfo=UTC)
_SPAN = timedelta(days=365)
_WARM = 3
"""Rounds before the first figure: what asks all the time has its pages in memory."""

# Twelve agents of four versions each; one call in a hundred is busy, one in ten thousand went to a rare number.
_FILL = """
INSERT INTO calls (id, workspace_id, account_id, livemode, channel, direction, origin, agent_id, agent_version_id,
  from_number, to_number, state, end_reason, variables, metadata, unresolved_variables, attempt, created_at, ended_at,
  duration_ms, latency_ms, mood, campaign_id)
SELECT {id}, 'ws_bench', 'acct_bench', {true}, CASE WHEN n % 50 = 0 THEN 'web' ELSE 'phone' END,
  CASE WHEN n % 4 = 0 THEN 'inbound' ELSE 'outbound' END, 'api',
  NULL, NULL, '+14155550100', {number},
  CASE WHEN n % 100 = 7 THEN 'busy' WHEN n % 10 < 3 THEN 'no_answer' ELSE 'completed' END,
  CASE WHEN n % 100 = 7 THEN 'user_busy' WHEN n % 10 < 3 THEN 'user_did_not_pick_up' ELSE 'user_disconnected' END,
  '{{"customer_name": "Alex Rivera"}}', '{{}}', '[]', 1, {moment}, {moment},
  CASE WHEN n % 10 < 3 THEN 0 ELSE 1000 + (n * 7919) % 600000 END, 300 + (n * 31) % 1500,
  CASE WHEN n % 9 = 0 THEN 'negative' WHEN n % 3 = 0 THEN 'positive' ELSE 'neutral' END,
  CASE WHEN n % 1000 < 5 THEN 'cmp_' || (n / 100000) ELSE NULL END
FROM {numbers}
"""
_BY_DIALECT = {
    "sqlite": {
        "id": "'call_' || printf('%026d', n)",
        "true": "1",
        "number": "'+1' || (2000000000 + (n * 104729) % 10000)",
        "moment": "strftime('%Y-%m-%d %H:%M:%S', '2025-01-01', '+' || (n * 31536000 / {rows}) || ' seconds')"
        " || '.000000'",
        "numbers": "(WITH RECURSIVE up(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM up WHERE n + 1 < {rows}) "
        "SELECT n FROM up)",
    },
    "postgresql": {
        "id": "'call_' || lpad(n::text, 26, '0')",
        "true": "true",
        "number": "'+1' || (2000000000 + (n * 104729) % 10000)",
        "moment": "timestamptz '2025-01-01 00:00:00+00' + n * (interval '31536000 seconds' / {rows})",
        "numbers": "generate_series(0::bigint, {rows} - 1) AS up(n)",
    },
}


def kinds(random_: random.Random) -> dict[str, tuple[Filters, Page]]:
    """Return one request of each kind that people and programs make."""
    day = _FIRST + _SPAN * random_.random()
    number = f"+1{2_000_000_000 + random_.randrange(10_000)}"
    return {
        "newest": (Filters(), Page()),
        "page_100": (Filters(), Page(100, 100)),
        "page_10000": (Filters(), Page(10_000, 100)),
        "status": (Filters(status="completed"), Page()),
        "two_statuses": (Filters(status="busy,no_answer"), Page()),
        "rare_status": (Filters(status="failed"), Page()),
        "number": (Filters(to=number), Page()),
        "day": (Filters(start_date=f"{day:%Y-%m-%d}", end_date=f"{day:%Y-%m-%d}"), Page()),
        "status_on_a_day": (Filters(status="busy", start_date=f"{day:%Y-%m-%d}", end_date=f"{day:%Y-%m-%d}"), Page()),
        "campaign": (Filters(campaign_id=f"cmp_{random_.randrange(10)}"), Page()),
        "sentiment": (Filters(sentiment="negative", call_direction="inbound"), Page()),
        "web": (Filters(type="web"), Page()),
        "slow_answers": (Filters(latency_min_ms=1700), Page()),
        "long_calls": (Filters(duration_min_ms=590_000), Page()),
        "by_duration": (Filters(duration="desc"), Page()),
        "by_duration_up": (Filters(duration="asc", status="completed"), Page(3)),
        "oldest": (Filters(created_at="asc"), Page()),
    }


@dataclass(frozen=True, slots=True)
class Found:
    """What a run found."""

    database: str
    rows: int
    fill_s: float
    taken_s: dict[str, list[float]]

    def facts(self) -> Facts:
        """Return every figure under the name it is printed with."""
        # Nobody leafs to the ten-thousandth page; it is told, but it is not what the goal is about.
        usual = [one for kind, taken in self.taken_s.items() if kind != "page_10000" for one in taken]
        return {
            "database": self.database,
            "rows": self.rows,
            "fill_s": round(self.fill_s, 1),
            "requests": sum(map(len, self.taken_s.values())),
            "all_ms": spread(usual, 1000),
            **{f"{kind}_ms": spread(taken, 1000) for kind, taken in self.taken_s.items()},
        }


async def run(rows: int, rounds: int, url: str) -> Found:
    """Fill a database with that many calls and ask for lists of them; an empty ``url`` is a SQLite file of its own.

    Raises ``typer.BadParameter`` when the database has calls of somebody else.
    """
    async with _database(url) as database:
        began = time.monotonic()
        filled = await _fill(database, rows)
        fill_s, random_ = time.monotonic() - began, random.Random(1)
        taken: dict[str, list[float]] = {}
        for round_ in range(rounds + _WARM):
            for kind, (filters, page) in kinds(random_).items():
                start = time.perf_counter()
                await _list(database, filters, page)
                if round_ >= _WARM:
                    taken.setdefault(kind, []).append(time.perf_counter() - start)
        return Found("SQLite" if database.is_sqlite else "PostgreSQL", filled, fill_s, taken)


async def _list(database: Database, filters: Filters, page: Page) -> None:
    """Do what ``GET /calls`` does, up to the objects it answers with."""
    async with database.read() as session:
        found = await finding.find(session, _SCOPE, filters, page)
        await reading.show_all(session, await finding.calls(session, found.ids), lambda call_id: call_id)


@asynccontextmanager
async def _database(url: str) -> AsyncGenerator[Database]:
    with tempfile.TemporaryDirectory(prefix="dialnexa-bench-") as folder:
        where = url or f"sqlite:///{Path(folder) / 'history.db'}"
        migrate(where)
        async with Database.open(where) as database:
            yield database


async def _fill(database: Database, rows: int) -> int:
    """Write the calls, unless an earlier run has; return how many there are."""
    words = _BY_DIALECT["sqlite" if database.is_sqlite else "postgresql"]
    words = {name: word.format(rows=rows) for name, word in words.items()}
    async with database.write() as session:
        there = await session.scalar(select(func.count()).select_from(Call)) or 0
        ours = await session.scalar(select(func.count()).select_from(Call).where(Call.workspace_id == "ws_bench")) or 0
        if there != ours:
            raise typer.BadParameter("This database has calls in it; give an empty one.", param_hint="--database-url")
        if not ours:
            session.add(Workspace(id=_SCOPE.workspace_id, name="Bench", created_at=_FIRST))
            await session.flush()
            account = Account(id="acct_bench", workspace_id=_SCOPE.workspace_id, livemode=True, is_default=True)
            account.created_at = account.updated_at = _FIRST
            session.add(account)
            await session.flush()
            await session.execute(text(_FILL.format(**words).replace(":", r"\:")))
            ours = rows
    async with database.write() as session:
        await session.execute(text("ANALYZE calls"))
    return ours
