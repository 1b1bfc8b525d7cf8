"""The file of a backup: a tar whose last member, the manifest, has the checksum of every other."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

from dialnexa.cli.mistakes import Mistake

MANIFEST = "manifest.json"
FORMAT = 1
_CHUNK = 1 << 20


class Writer:
    """Adds files to a backup and keeps their checksums."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar
        self._sums: dict[str, str] = {}

    @property
    def count(self) -> int:
        """How many files it holds."""
        return len(self._sums)

    def add(self, name: str, file: Path) -> None:
        """Add a file as it is now; one that grows meanwhile is cut where it was when we began."""
        with file.open("rb") as content:
            self._put(name, content, os.fstat(content.fileno()).st_size)

    def finish(self, facts: Mapping[str, object]) -> None:
        """Write the manifest: ``facts``, and the checksum of every file."""
        manifest = json.dumps({"format": FORMAT, **facts, "sha256": self._sums}, indent=1).encode()
        self._put(MANIFEST, io.BytesIO(manifest), len(manifest))

    def _put(self, name: str, content: IO[bytes], size: int) -> None:
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode = size, 0o600
        summed = _Summed(content, size)
        self._tar.addfile(entry, cast(Any, summed))
        self._sums[name] = summed.hexdigest()


class _Summed:
    """Reads a file for ``tarfile`` and sums up what passes, at most ``size`` bytes."""

    def __init__(self, content: IO[bytes], size: int) -> None:
        self._content = content
        self._left = size
        self._sum = hashlib.sha256()

    def read(self, size: int) -> bytes:
        data = self._content.read(min(size, self._left))
        self._left -= len(data)
        self._sum.update(data)
        return data

    def hexdigest(self) -> str:
        return self._sum.hexdigest()


@contextmanager
def writing(file: Path) -> Generator[Writer]:
    """Write a backup that is there whole or not at all, and that only its owner may read: it holds the master key."""
    part = file.with_name(f"{file.name}.part")
    try:
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as output:
            with tarfile.open(fileobj=output, mode="w") as tar:
                yield Writer(tar)
            output.flush()
            os.fsync(output.fileno())
        part.replace(file)
    finally:
        with suppress(FileNotFoundError):
            part.unlink()


def unpack(file: Path, folder: Path) -> dict[str, Any]:
    """Unpack a backup into a folder and return its manifest; raise ``Mistake`` for what is none, or is damaged."""
    try:
        with tarfile.open(file) as tar:
            sums = {entry.name: _unpack_one(tar, entry, folder) for entry in _files(tar)}
    except (tarfile.TarError, EOFError) as error:
        raise Mistake(f"{file} is no backup, or only part of one ({error}).") from error
    if MANIFEST not in sums:
        raise Mistake(f"{file} is no whole backup: its manifest is missing.")
    manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text())
    if manifest.get("format") != FORMAT:
        raise Mistake(f"{file} was written by a newer DialNexa; restore it with that version.")
    wanted = cast(dict[str, str], manifest["sha256"])
    del sums[MANIFEST]
    if wrong := sorted(name for name in {*wanted, *sums} if wanted.get(name) != sums.get(name)):
        raise Mistake(f"{file} is damaged: {', '.join(wrong[:5])} is not what was backed up. Nothing was restored.")
    return manifest


def _files(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    for entry in tar:
        path = PurePosixPath(entry.name)
        if not entry.isreg() or path.is_absolute() or ".." in path.parts:
            raise tarfile.TarError(f"{entry.name} does not belong into a backup")
        yield entry


def _unpack_one(tar: tarfile.TarFile, entry: tarfile.TarInfo, folder: Path) -> str:
    target = folder / entry.name
    target.parent.mkdir(parents=True, exist_ok=True)
    content, summed = tar.extractfile(entry), hashlib.sha256()
    assert content is not None  # it is a regular file
    with open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as output:
        while data := content.read(_CHUNK):
            summed.update(data)
            output.write(data)
    return summed.hexdigest()
