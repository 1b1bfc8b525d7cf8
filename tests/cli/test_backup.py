"""Backups: what comes back is what was there, on either database, and nothing half."""

from __future__ import annotations

import io
import json
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import MetaData, create_engine, select, text
from typer.testing import CliRunner

from dialnexa import engine
from dialnexa.cli.main import app
from dialnexa.kit.ids import new_id
from dialnexa.kit.secrets import Vault
from dialnexa.platform.database import Database
from dialnexa.platform.migrations import migrate, sync_url
from dialnexa.platform.webhooks.outbox import emit
from tests.platform.calls.house import NOON, House, build, said
from tests.platform.conftest import empty_cluster
from tests.platform.postgres import BINARIES, Cluster

__all__ = ["empty_cluster"]


class Place:
    """A data folder and the database that goes with it."""

    def __init__(self, folder: Path, url: str) -> None:
        self.data = folder
        self.url = url or f"sqlite:///{folder / 'dialnexa.db'}"
        self._environment = {"DIALNEXA_DATA": str(folder), "DIALNEXA_DATABASE_URL": url}

    def run(self, *arguments: str) -> tuple[int, str]:
        """Run the command; return its code and what it said."""
        done = CliRunner().invoke(app, list(arguments), env=self._environment)
        return done.exit_code, done.output

    def rows(self) -> dict[str, list[Any]]:
        """Return everything in the database."""
        database, found = create_engine(sync_url(self.url)), dict[str, list[Any]]()
        for schema in (None, "dbos") if database.dialect.name == "postgresql" else (None,):
            metadata = MetaData(schema=schema)
            metadata.reflect(database)
            with database.connect() as connection:
                for name, table in metadata.tables.items():
                    found[name] = sorted(map(repr, connection.execute(select(table))))
        database.dispose()
        return found


@pytest.fixture(params=["sqlite", "postgresql"] if BINARIES else ["sqlite"])
def places(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Place, Place]:
    """An installation to be, and another place."""
    urls = ["", ""]
    if request.param == "postgresql":
        server: Cluster = request.getfixturevalue("empty_cluster")
        urls = [server.url(server.create()) for _ in range(2)]
    return Place(tmp_path / "here", urls[0]), Place(tmp_path / "there", urls[1])


async def inhabit(place: Place) -> House:
    """Make an installation in which a call was held, recorded, and another waits."""
    place.data.mkdir()
    migrate(place.url)
    engine.migrate(place.url)
    async with Database.open(place.url) as database, engine.EngineClient.open(place.url) as queue:
        house = await build(database)
        await house.node()
        call = await house.talking()
        await house.finish(call.id, turns=[said("agent", "Hello!\t\\ \N{GRINNING FACE}", 0)], duration_ms=1000)
        house.queue = queue
        await house.place()
    Vault.from_file(place.data / "master.key")
    (place.data / "recordings" / "2026").mkdir(parents=True)
    (place.data / "recordings" / "2026" / "a.wav").write_bytes(b"RIFF" * 1000)
    return house


async def test_what_comes_back_is_what_was_there(places: tuple[Place, Place], tmp_path: Path) -> None:
    here, there = places
    await inhabit(here)
    file = tmp_path / "backup.tar"
    code, said = here.run("backup", str(file))
    assert code == 0, said
    assert oct(file.stat().st_mode)[-3:] == "600", "it holds the master key"
    code, said = there.run("restore", str(file))
    assert code == 0, said
    assert there.rows() == here.rows()
    assert any("run_call" in row for name, rows in there.rows().items() if "workflow" in name for row in rows)
    for name in ("master.key", "recordings/2026/a.wav"):
        assert (there.data / name).read_bytes() == (here.data / name).read_bytes()


async def test_new_rows_are_numbered_on(places: tuple[Place, Place], tmp_path: Path) -> None:
    here, there = places
    await inhabit(here)
    here.run("backup", str(tmp_path / "backup.tar"), "--no-recordings")
    there.run("restore", str(tmp_path / "backup.tar"))
    assert not (there.data / "recordings").exists()
    async with Database.open(there.url) as database, database.write() as session:
        before = await session.scalar(text("SELECT max(seq) FROM events"))
        owner = (await session.execute(text("SELECT workspace_id, id FROM accounts"))).first()
        assert owner is not None
        await emit(
            session, workspace_id=owner[0], account_id=owner[1], livemode=True, type_="call.started",
            payload={}, at=NOON, call_id=new_id("call"),
        )  # fmt: skip
        assert await session.scalar(text("SELECT max(seq) FROM events")) == before + 1


async def test_calls_are_placed_and_held_on_what_was_restored(places: tuple[Place, Place], tmp_path: Path) -> None:
    here, there = places
    before = await inhabit(here)
    here.run("backup", str(tmp_path / "backup.tar"), "--no-recordings")
    there.run("restore", str(tmp_path / "backup.tar"))
    async with Database.open(there.url) as database, engine.EngineClient.open(there.url) as queue:
        house = replace(before, database=database, queue=queue)
        await house.node("node_after")
        placed = await house.place()
        assert await house.claim(placed.id, "node_after") is not None


async def test_a_place_that_is_inhabited_is_left_alone(places: tuple[Place, Place], tmp_path: Path) -> None:
    here, there = places
    await inhabit(here)
    file = str(tmp_path / "backup.tar")
    here.run("backup", file)
    before = here.rows()
    code, said = here.run("restore", file)
    assert (code, "empty folder" in said) == (1, True)
    moved = Place(tmp_path / "elsewhere", here.url if "postgresql" in here.url else "")
    if "postgresql" in here.url:
        code, said = moved.run("restore", file)
        assert (code, "has tables already" in said) == (1, True)
    assert here.rows() == before
    assert there.run("restore", file)[0] == 0


@pytest.fixture
async def backup(tmp_path: Path) -> Path:
    """A backup on SQLite."""
    here = Place(tmp_path / "here", "")
    await inhabit(here)
    assert here.run("backup", str(tmp_path / "backup.tar"))[0] == 0
    return tmp_path / "backup.tar"


def altered(file: Path, change: Any) -> Path:
    """Return a copy of a backup with its members changed."""
    target = file.with_name("altered.tar")
    with tarfile.open(file) as old, tarfile.open(target, "w") as new:
        for entry in old:
            content = old.extractfile(entry)
            assert content is not None
            name, data = change(entry.name, content.read())
            if name:
                entry = tarfile.TarInfo(name)
                entry.size = len(data)
                new.addfile(entry, io.BytesIO(data))
    return target


def _newer(name: str, data: bytes) -> tuple[str, bytes]:
    if name != "manifest.json":
        return name, data
    return name, json.dumps({**json.loads(data), "revision": "9999"}).encode()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (
            lambda name, data: (name, data[:-1] + b"?" if name.endswith(".wav") else data),
            "damaged: recordings/2026/a.wav",
        ),
        (lambda name, data: ("" if name.endswith(".wav") else name, data), "damaged: recordings/2026/a.wav"),
        (lambda name, data: ("" if name == "manifest.json" else name, data), "its manifest is missing"),
        (lambda name, data: ("../escaped" if name.endswith(".wav") else name, data), "is no backup"),
        (_newer, "newer DialNexa: its schema is 9999"),
    ],
)
def test_what_is_not_whole_is_not_restored(backup: Path, tmp_path: Path, change: Any, why: str) -> None:
    there = Place(tmp_path / "there", "")
    code, said = there.run("restore", str(altered(backup, change)))
    assert (code, why in said.replace("\n", "")) == (1, True), said
    assert list(there.data.iterdir()) == []
    assert not (tmp_path / "escaped").exists()


def test_half_a_file_and_no_file_are_told(backup: Path, tmp_path: Path) -> None:
    there = Place(tmp_path / "there", "")
    half = tmp_path / "half.tar"
    half.write_bytes(backup.read_bytes()[:5000])
    assert there.run("restore", str(half))[0] == 1
    assert there.run("restore", str(tmp_path / "none.tar"))[0] == 1
    code, said = there.run("backup", str(tmp_path / "of_nothing.tar"))
    assert (code, "no installation" in said) == (1, True)
    assert not (tmp_path / "of_nothing.tar").exists()


if BINARIES:

    def test_a_backup_does_not_change_its_kind_of_database(
        backup: Path, empty_cluster: Cluster, tmp_path: Path
    ) -> None:
        there = Place(tmp_path / "there", empty_cluster.url(empty_cluster.create()))
        code, said = there.run("restore", str(backup))
        assert (code, "leave DIALNEXA_DATABASE_URL out" in said) == (1, True)
