"""``dialnexa backup`` and ``dialnexa restore``: an installation into one file, and back into an empty place."""

from __future__ import annotations

import shutil
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy import make_url

from dialnexa.cli.backup import archive, databases
from dialnexa.cli.mistakes import Mistake
from dialnexa.cli.options import Data, settings_with
from dialnexa.cli.preparing import migrate_all
from dialnexa.kit.clock import SystemClock, iso
from dialnexa.platform.migrations import check, revision_of
from dialnexa.settings import Settings

_KEY = "master.key"
_RECORDINGS = "recordings"


def backup(
    file: Annotated[Path, typer.Argument(help="The file to write.")],
    data: Data = None,
    recordings: Annotated[bool, typer.Option("--recordings/--no-recordings", help="Take recordings along.")] = True,
) -> None:
    """Write everything an installation needs to be itself again into one file, while it goes on working."""
    settings = settings_with(data=data)
    url = settings.resolved_database_url
    revision = revision_of(url)
    if revision is None:
        raise Mistake(f"There is no installation in {settings.data}. Name its folder with --data.")
    with archive.writing(file) as writer, tempfile.TemporaryDirectory(dir=file.resolve().parent) as folder:
        facts = _take_database(url, Path(folder), writer)
        if (settings.data / _KEY).exists():
            writer.add(_KEY, settings.data / _KEY)
        if recordings:
            _take_recordings(settings.recordings, writer)
        about = {
            "dialnexa": metadata.version("dialnexa"),
            "made_at": iso(SystemClock().now()),
            "revision": revision,
            "recordings": recordings,
        }
        writer.finish({**about, **facts})
    typer.echo(f"Backed up {writer.count} files into {file} ({file.stat().st_size:,} bytes). It holds the master key.")


def restore(
    file: Annotated[Path, typer.Argument(help="A file that `dialnexa backup` wrote.")], data: Data = None
) -> None:
    """Put a backup into an empty folder and, if it was of PostgreSQL, an empty database."""
    settings = settings_with(data=data)
    _refuse_inhabited(settings)
    settings.data.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=settings.data, prefix=".restoring-") as place:
        folder = Path(place)
        manifest = archive.unpack(file, folder)
        check(manifest["revision"])
        _put_database(settings, folder, manifest)
        for name in (_KEY, _RECORDINGS):
            if (folder / name).exists():
                shutil.move(folder / name, settings.data / name)
    migrate_all(settings)
    typer.echo(f"Restored the backup of {manifest['made_at']} into {settings.data}. Start it with `dialnexa up`.")


def _take_database(url: str, folder: Path, writer: archive.Writer) -> dict[str, Any]:
    if _is_sqlite(url):
        databases.copy_sqlite(url, folder / databases.SQLITE_FILE)
        writer.add(databases.SQLITE_FILE, folder / databases.SQLITE_FILE)
        return {"database": "sqlite"}
    tables = databases.copy_postgresql(url, folder)
    for each in tables:
        name = databases.Dump(**each).file
        writer.add(name, folder / name)
    return {"database": "postgresql", "tables": tables}


def _take_recordings(folder: Path, writer: archive.Writer) -> None:
    for path in sorted(folder.rglob("*")) if folder.exists() else []:
        try:
            if path.is_file():
                writer.add(f"{_RECORDINGS}/{path.relative_to(folder).as_posix()}", path)
        except FileNotFoundError:
            continue  # it was moved to its store in this very moment


def _put_database(settings: Settings, folder: Path, manifest: dict[str, Any]) -> None:
    url, kind = settings.resolved_database_url, manifest["database"]
    if kind != ("sqlite" if _is_sqlite(url) else "postgresql"):
        wish = "leave DIALNEXA_DATABASE_URL out" if kind == "sqlite" else "set DIALNEXA_DATABASE_URL to an empty one"
        raise Mistake(f"This backup is of a {kind} database, which the other kind cannot read; {wish}.")
    if kind == "sqlite":
        databases.check_sqlite(folder / databases.SQLITE_FILE)
        target = databases.sqlite_path(url)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(folder / databases.SQLITE_FILE, target)
    else:
        databases.fill_postgresql(url, folder, manifest["revision"], manifest["tables"])


def _refuse_inhabited(settings: Settings) -> None:
    """Raise ``Mistake`` where something is that a restored installation would overwrite or mix with."""
    url = settings.resolved_database_url
    there = [path for path in (settings.data / _KEY, settings.recordings) if path.exists()]
    if _is_sqlite(url) and databases.sqlite_path(url).exists():
        there.append(databases.sqlite_path(url))
    if there:
        raise Mistake(f"{there[0]} is there already. Restore into an empty folder: name one with --data.")
    if not _is_sqlite(url) and not databases.is_empty(url):
        raise Mistake("The database in DIALNEXA_DATABASE_URL has tables already. Restore into an empty one.")


def _is_sqlite(url: str) -> bool:
    return make_url(url).get_backend_name() == "sqlite"
