"""The application over a house, as a client sees it."""

from __future__ import annotations

import wave
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
from cryptography.fernet import Fernet

from dialnexa.api.app import assemble
from dialnexa.kit.secrets import Vault, sha256_hex
from dialnexa.platform.calls.records import RecordingFile
from dialnexa.platform.tenancy.models import ApiKey
from tests.platform.calls.house import NOON, House, said


class HouseClock:
    """The house's time; sleeping moves it, and may let something happen meanwhile."""

    def __init__(self, house: House) -> None:
        self._house = house
        self.meanwhile: Any = None

    def now(self) -> datetime:
        return self._house.now

    def monotonic(self) -> float:
        return self._house.now.timestamp()

    async def sleep(self, seconds: float) -> None:
        self._house.later(seconds=seconds)
        if self.meanwhile is not None:
            happens, self.meanwhile = self.meanwhile, None
            await happens()

    async def sleep_until(self, deadline: float) -> None:
        await self.sleep(max(0.0, deadline - self.monotonic()))


@dataclass
class Api:
    """The application, as a client sees it."""

    http: httpx.AsyncClient
    vault: Vault
    store: Path
    clock: HouseClock

    async def get(self, path: str, key: str = "sk_live_a", **params: Any) -> httpx.Response:
        return await self.http.get(path, params=params, headers={"Authorization": f"Bearer {key}"})

    async def post(self, path: str, body: object = None, key: str = "sk_live_a", **headers: str) -> httpx.Response:
        return await self.http.post(path, json=body, headers={"Authorization": f"Bearer {key}", **headers})


async def add_key(house: House, secret: str, *, livemode: bool = True, kind: str = "secret") -> None:
    async with house.database.write() as session:
        session.add(
            ApiKey(
                id=f"key_{secret}",
                workspace_id=house.who.workspace_id,
                name="Test",
                kind=kind,
                livemode=livemode,
                prefix=secret[:7],
                last4=secret[-4:],
                sha256=sha256_hex(secret),
                created_at=NOON,
            )
        )


@asynccontextmanager
async def serve(house: House, folder: Path) -> AsyncGenerator[Api]:
    """Serve a house to three keys: a live one, a test one and a publishable one."""
    await add_key(house, "sk_live_a")
    await add_key(house, "sk_test_a", livemode=False)
    await add_key(house, "pk_live_a", kind="publishable")
    vault, clock = Vault(Fernet.generate_key()), HouseClock(house)
    app = assemble(house.database, vault=vault, engine=house.queue, recordings=folder / "recordings", clock=clock)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://api.test") as http:
        yield Api(http, vault, folder / "recordings", clock)


def record(path: Path) -> int:
    """Write a second of stereo; return its size."""
    path.parent.mkdir(exist_ok=True)
    with wave.open(str(path), "wb") as audio:
        audio.setparams((2, 2, 8000, 0, "NONE", ""))
        audio.writeframes(b"\x01\x02\x03\x04" * 8000)
    return path.stat().st_size


async def finished(house: House, store: Path) -> str:
    """Hold a call with a transcript and a recording; return its id."""
    await house.node()
    call = await house.talking()
    house.later(seconds=5)
    size = record(store / f"{call.id}.wav")
    turns = (said("agent", "Hello!", 0, first_packet=420), said("user", "Hi.", 900))
    recording = RecordingFile(f"{call.id}.wav", 1000, size)
    await house.finish(call.id, duration_ms=5_400, turns=turns, recording=recording)
    return call.id
