"""The published Python client of the first generation, run as its users run it: in a process of its own.

Its module is called like ours, so it lies in a folder beside the environment's packages and is never imported here.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import uvicorn
from fastapi import FastAPI

REQUIREMENTS = Path(__file__).with_suffix(".txt")


def install() -> Path:
    """Return a folder with exactly the pinned package in it; raise ``RuntimeError`` when it cannot be had."""
    folder = Path(sys.prefix) / "older-client"
    installed = folder / REQUIREMENTS.name
    if installed.is_file() and installed.read_bytes() == REQUIREMENTS.read_bytes():
        return folder
    uv = Path(sys.executable).with_name("uv")
    command = [uv, "pip", "install", "--no-deps", "--require-hashes", "--target", folder, "-r", REQUIREMENTS]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"The older client could not be installed:\n{done.stdout}")
    installed.write_bytes(REQUIREMENTS.read_bytes())
    return folder


def readme_program(folder: Path) -> str:
    """Return the program of the package's README."""
    [metadata] = folder.glob("dialnexa-*.dist-info/METADATA")
    [program] = re.findall(r"```\s*\n(from dialnexa import .*?)```", metadata.read_text("utf-8"), re.DOTALL)
    return program


@asynccontextmanager
async def served(app: FastAPI) -> AsyncGenerator[str]:
    """Serve an application on loopback and yield its address."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(app, lifespan="off", ws="none", log_level="warning"))
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            await serving


async def run(program: str, *, base_url: str, package: Path, folder: Path) -> None:
    """Run a program with the older client in ``folder``; fail with what it printed when it fails.

    The published release reads its address from no option and no variable, only from this constant.
    """
    file = folder / "program.py"
    file.write_text(f"import dialnexa.client\n\ndialnexa.client.DEFAULT_BASE_URL = {base_url!r}\n\n{program}", "utf-8")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DIALNEXA_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(file),
        cwd=folder,
        env={**environment, "PYTHONPATH": str(package), "NO_PROXY": "*"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 0, said.decode(errors="replace")
