"""The engine: what is queued runs once, on the worker's loop, and survives its worker."""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from dialnexa import engine
from dialnexa.engine import Engine, EngineClient, RecordingWork
from dialnexa.platform.database import Database
from tests.platform.postgres import BINARIES, Cluster, cluster


class Crew:
    """Runs calls the way a worker does, and remembers them."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.loops: set[asyncio.AbstractEventLoop] = set()
        self.news = asyncio.Event()
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def run(self, call_id: str) -> None:
        self.ran.append(call_id)
        self.loops.add(asyncio.get_running_loop())
        self.news.set()
        await self.go_on.wait()

    async def until(self, number: int) -> None:
        """Wait until that many calls have started."""
        async with asyncio.timeout(20):
            while len(self.ran) < number:
                self.news.clear()
                await self.news.wait()


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("engine") / "engine.db"
    engine.migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def url(prepared: Path, tmp_path: Path) -> str:
    shutil.copy(prepared, tmp_path / "engine.db")
    return f"sqlite:///{tmp_path / 'engine.db'}"


@pytest.fixture(scope="module")
def postgres() -> Iterator[tuple[Cluster, str]]:
    """A server, and the name of a database on it that holds the engine's tables and no work."""
    with cluster() as server:
        name = server.create()
        engine.migrate(server.url(name))
        yield server, name


@pytest.fixture
def postgres_url(postgres: tuple[Cluster, str]) -> str:
    """A database for this test alone: what one test leaves half done is a stray to the next one's workers."""
    server, prepared = postgres
    return server.url(server.create(template=prepared))


@pytest.fixture(params=["sqlite", "postgresql"] if BINARIES else ["sqlite"])
def any_url(request: pytest.FixtureRequest) -> str:
    return request.getfixturevalue("url" if request.param == "sqlite" else "postgres_url")


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    async with Database.open(url) as opened:
        yield opened


async def enqueue(database: Database, client: EngineClient, *call_ids: str) -> None:
    async with database.write() as session:
        for call_id in call_ids:
            await client.enqueue_in_transaction(session, call_id)


async def test_a_queued_call_runs_on_our_loop(url: str, database: Database) -> None:
    crew = Crew()
    async with EngineClient.open(url) as client, Engine.open(url, executor_id="n1", capacity=5, run_call=crew.run):
        await enqueue(database, client, "call_1")
        await crew.until(1)
        assert crew.ran == ["call_1"]
        assert crew.loops == {asyncio.get_running_loop()}


async def test_asking_twice_is_asking_once(url: str, database: Database) -> None:
    crew = Crew()
    async with EngineClient.open(url) as client, Engine.open(url, executor_id="n1", capacity=5, run_call=crew.run):
        await enqueue(database, client, "call_1")
        await enqueue(database, client, "call_1")
        await enqueue(database, client, "call_2")
        await crew.until(2)
        assert sorted(crew.ran) == ["call_1", "call_2"]


async def test_a_full_worker_leaves_the_rest_in_the_queue(url: str, database: Database) -> None:
    crew = Crew()
    crew.go_on.clear()
    async with (
        EngineClient.open(url) as client,
        Engine.open(url, executor_id="n1", capacity=2, run_call=crew.run) as own,
    ):
        await enqueue(database, client, "call_1", "call_2", "call_3")
        await crew.until(2)
        assert own.running == 2
        crew.go_on.set()
        await crew.until(3)


async def test_a_draining_worker_takes_nothing_and_the_next_one_does(url: str, database: Database) -> None:
    first, second = Crew(), Crew()
    async with EngineClient.open(url) as client:
        async with Engine.open(url, executor_id="n1", capacity=5, run_call=first.run) as own:
            await own.stop_taking()
            await enqueue(database, client, "call_1")
        async with Engine.open(url, executor_id="n2", capacity=5, run_call=second.run):
            await second.until(1)
    assert (first.ran, second.ran) == ([], ["call_1"])


async def test_the_work_of_a_dead_worker_is_adopted(any_url: str) -> None:
    """The first worker stops in mid-call, as by a crash; the second gets the call, where the fence will stop it."""
    first, second = Crew(), Crew()
    first.go_on.clear()
    async with Database.open(any_url) as database, EngineClient.open(any_url) as client:
        async with Engine.open(any_url, executor_id="n1", capacity=5, run_call=first.run):
            await enqueue(database, client, "call_1")
            await first.until(1)
        async with Engine.open(any_url, executor_id="n2", capacity=5, run_call=second.run) as own:
            assert second.ran == []
            assert await own.adopt("n1") == ["call_1"]
            await second.until(1)
            assert await own.adopt("n1") == []


async def test_strays_are_found_whoever_held_them(url: str, database: Database) -> None:
    first, second = Crew(), Crew()
    first.go_on.clear()
    async with EngineClient.open(url) as client:
        async with Engine.open(url, executor_id="n1", capacity=5, run_call=first.run):
            await enqueue(database, client, "call_1")
            await first.until(1)
        async with Engine.open(url, executor_id="n2", capacity=5, run_call=second.run) as own:
            assert await own.adopt_strays({"n2"}) == ["call_1"]
            await second.until(1)
            assert await own.adopt_strays({"n2"}) == []


async def test_a_call_that_fails_does_not_stop_the_others(url: str, database: Database) -> None:
    crew = Crew()

    async def stumble(call_id: str) -> None:
        await crew.run(call_id)
        if call_id == "call_1":
            raise RuntimeError("a bug")

    async with EngineClient.open(url) as client, Engine.open(url, executor_id="n1", capacity=1, run_call=stumble):
        await enqueue(database, client, "call_1", "call_2")
        await crew.until(2)


async def test_a_call_that_stumbles_is_tried_again(url: str, database: Database) -> None:
    crew = Crew()

    async def stumble_once(call_id: str) -> None:
        await crew.run(call_id)
        if len(crew.ran) == 1:
            raise OSError("the database was away")

    async with EngineClient.open(url) as client, Engine.open(url, executor_id="n1", capacity=1, run_call=stumble_once):
        await enqueue(database, client, "call_1")
        await crew.until(2)
        assert crew.ran == ["call_1", "call_1"]


async def test_recordings_are_finished_by_who_shares_their_folder(any_url: str) -> None:
    here, there = Crew(), Crew()
    async with Database.open(any_url) as database, EngineClient.open(any_url) as client:
        async with database.write() as session:
            for _ in range(2):
                await client.enqueue_recording_in_transaction(session, "call_r1", "recordings-here")
            await client.enqueue_recording_in_transaction(session, "call_r2", "recordings-elsewhere")
        async with Engine.open(
            any_url,
            executor_id="r1",
            capacity=5,
            run_call=there.run,
            recordings=RecordingWork("recordings-here", here.run),
        ):
            await here.until(1)
        assert (here.ran, there.ran) == (["call_r1"], [])
        async with Engine.open(
            any_url,
            executor_id="r2",
            capacity=5,
            run_call=there.run,
            recordings=RecordingWork("recordings-elsewhere", there.run),
        ):
            await there.until(1)
        assert (here.ran, there.ran) == (["call_r1"], ["call_r2"])


async def test_a_recording_half_finished_by_a_dead_worker_goes_back_to_its_own_queue(any_url: str) -> None:
    first, second, calls = Crew(), Crew(), Crew()
    first.go_on.clear()
    async with Database.open(any_url) as database, EngineClient.open(any_url) as client:
        work = RecordingWork("recordings-f", first.run)
        async with Engine.open(any_url, executor_id="f1", capacity=5, run_call=calls.run, recordings=work):
            async with database.write() as session:
                await client.enqueue_recording_in_transaction(session, "call_f", "recordings-f")
            await first.until(1)
        work = RecordingWork("recordings-f", second.run)
        async with Engine.open(any_url, executor_id="f2", capacity=5, run_call=calls.run, recordings=work) as own:
            assert "recording:call_f" in await own.adopt_strays({"f2"})
            await second.until(1)
    assert (second.ran, calls.ran) == (["call_f"], [])


async def test_a_recording_is_promised_only_if_its_transaction_commits(url: str, database: Database) -> None:
    crew = Crew()
    async with EngineClient.open(url) as client:
        async with database.write() as session:
            await client.enqueue_recording_in_transaction(session, "call_1", "recordings-a")
            await session.rollback()
        async with database.write() as session:
            await client.enqueue_recording_in_transaction(session, "call_2", "recordings-a")
        work = RecordingWork("recordings-a", crew.run)
        async with Engine.open(url, executor_id="n1", capacity=5, run_call=crew.run, recordings=work):
            await crew.until(1)
    assert crew.ran == ["call_2"]


async def test_the_engine_is_quiet(url: str, capfd: pytest.CaptureFixture[str]) -> None:
    async with Engine.open(url, executor_id="n1", capacity=1, run_call=Crew().run):
        pass
    assert capfd.readouterr() == ("", "")
    assert logging.getLogger("dbos").level == logging.WARNING


async def test_chores_wait_for_whoever_does_them_and_survive_a_dead_worker(any_url: str) -> None:
    first, second, calls = Crew(), Crew(), Crew()
    first.go_on.clear()
    async with Database.open(any_url) as database, EngineClient.open(any_url) as client:
        async with database.write() as session:
            for _ in range(2):
                await client.enqueue_chore_in_transaction(session, "documents", "doc_1")
        async with Engine.open(
            any_url, executor_id="d1", capacity=5, run_call=calls.run, chores={"documents": first.run}
        ):
            await first.until(1)
        async with Engine.open(
            any_url, executor_id="d2", capacity=5, run_call=calls.run, chores={"documents": second.run}
        ) as own:
            assert await own.adopt_strays({"d2"}) == ["documents:doc_1"]
            await second.until(1)
    assert (first.ran, second.ran, calls.ran) == (["doc_1"], ["doc_1"], [])
