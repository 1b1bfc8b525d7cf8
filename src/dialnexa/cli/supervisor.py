"""Runs the roles of one installation as child processes: starts them, restarts what crashes, drains on SIGTERM."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import structlog

from dialnexa.cli.running import ready_file

log = structlog.get_logger(__name__)

_READY_WITHIN_S = 120.0
_POLL_S = 0.05
_RESTART_AFTER_S = 0.5


class RoleFailed(Exception):
    """A role did not come up; carries what it printed last."""


class Role:
    """One child process that is started again whenever it dies unasked."""

    def __init__(
        self, command: str, arguments: Sequence[str], folder: Path, environment: Mapping[str, str], *, name: str = ""
    ) -> None:
        """``command``: ``api`` or ``worker``. ``name`` tells several of one command apart, in logs and files."""
        self.name = name = name or command
        self._command = command
        self._arguments = arguments
        self._ready_file = ready_file(folder, name)
        self.log_file = folder / f"{name}.log"
        self._environment = {**os.environ, **environment}
        self._process: asyncio.subprocess.Process | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._stopping = False

    @property
    def pid(self) -> int | None:
        """The pid of the child that runs now."""
        return self._process.pid if self._process and self._process.returncode is None else None

    async def start(self) -> dict[str, object]:
        """Start the child and return what it says of itself once it answers; raises ``RoleFailed``."""
        await self._spawn()
        facts = await self._ready()
        self._keeper = asyncio.create_task(self._keep())
        return facts

    def signal(self, signum: signal.Signals) -> None:
        """Send a signal to the child if it runs."""
        if self._process and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signum)

    async def stop(self, within_s: float) -> None:
        """Ask the child to end and wait; kill it when it takes longer than ``within_s``."""
        self._stopping = True
        self.signal(signal.SIGTERM)
        if self._process:
            try:
                await asyncio.wait_for(self._process.wait(), within_s)
            except TimeoutError:
                log.warning("role did not end in time, killing it", role=self.name, within_s=within_s)
                self.signal(signal.SIGKILL)
                await self._process.wait()
        if self._keeper:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)

    async def _spawn(self) -> None:
        self._ready_file.unlink(missing_ok=True)
        command = [sys.executable, "-m", "dialnexa.cli.main", self._command, *self._arguments]
        with self.log_file.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                *command,
                "--ready-file",
                str(self._ready_file),
                env={**self._environment, "DIALNEXA_SUPERVISOR": str(os.getpid())},
                stdout=output,
                stderr=output,
                start_new_session=True,  # Ctrl-C reaches the supervisor only, which then drains in order
            )

    async def _ready(self) -> dict[str, object]:
        async def poll() -> dict[str, object]:
            while True:
                if self._ready_file.exists():
                    return json.loads(self._ready_file.read_text())
                if self._process and self._process.returncode is not None:
                    raise RoleFailed(f"Its {self.name} ended with code {self._process.returncode}: {self._tail()}")
                await asyncio.sleep(_POLL_S)

        try:
            return await asyncio.wait_for(poll(), _READY_WITHIN_S)
        except TimeoutError:
            raise RoleFailed(
                f"Its {self.name} was not ready within {_READY_WITHIN_S:.0f} s. The last it said: {self._tail()}"
            ) from None

    async def _keep(self) -> None:
        """Start the child again whenever it dies without being asked to."""
        while self._process:
            code = await self._process.wait()
            if self._stopping:
                return
            log.error("role died, starting it again", role=self.name, code=code)
            await asyncio.sleep(_RESTART_AFTER_S)
            await self._spawn()

    def _tail(self) -> str:
        """What the child said last; of a stack trace only what it came to."""
        lines = self.log_file.read_text(errors="replace").splitlines() if self.log_file.exists() else []
        return " | ".join(line for line in lines[-3:] if line.strip() and not line.startswith(" ")) or "nothing"
