"""A small voice engine that takes Twilio Media Streams: it answers each stretch of speech, and stops for speech."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from dialnexa.live.media.codec import Codec, decode, encode
from dialnexa.live.media.tones import tone

_LOUD = 300
_QUIET_FRAMES = 15
_FRAME = base64.b64encode(encode(Codec.PCMU, tone((440,), 0.02))).decode()


@dataclass
class Engine:
    """What it saw of all its calls, and how it misbehaves."""

    replies: bool = True
    garbage: bool = False
    hang_up_after: int = 0
    """Frames of the caller after which the socket is broken off; 0: never."""
    events: list[str] = field(default_factory=list[str])
    sequences: list[list[int]] = field(default_factory=list[list[int]])
    marks: list[str] = field(default_factory=list[str])

    async def talk(self, socket: ServerConnection) -> None:
        """Hold one call."""
        try:
            await _Call(self, socket).run()
        except ConnectionClosed:
            return


class _Call:
    def __init__(self, engine: Engine, socket: ServerConnection) -> None:
        self._engine = engine
        self._socket = socket
        self._stream = ""
        self._speaking: asyncio.Task[None] | None = None
        self._quiet = 0
        self._heard = False
        self._frames = 0
        self._sequence: list[int] = []
        engine.sequences.append(self._sequence)

    async def run(self) -> None:
        try:
            async for text in self._socket:
                message = json.loads(text)
                event = message["event"]
                if event != "media":
                    self._engine.events.append(event)
                if "sequenceNumber" in message:
                    self._sequence.append(int(message["sequenceNumber"]))
                if event == "start":
                    self._stream = message["streamSid"]
                    if self._engine.garbage:
                        await self._socket.send("not json at all")
                elif event == "mark":
                    self._engine.marks.append(message["mark"]["name"])
                elif event == "media":
                    await self._hear(base64.b64decode(message["media"]["payload"]))
                elif event == "stop":
                    return
        finally:
            if self._speaking:
                self._speaking.cancel()

    async def _hear(self, payload: bytes) -> None:
        assert len(payload) == 160
        self._frames += 1
        if self._frames == self._engine.hang_up_after:
            self._socket.transport.abort()
            return
        loud = int(abs(decode(Codec.PCMU, payload).astype(int)).mean()) > _LOUD
        self._quiet = 0 if loud else self._quiet + 1
        if loud:
            self._heard = True
            if self._speaking and not self._speaking.done():
                self._speaking.cancel()
                await self._say({"event": "clear"})
        elif self._heard and self._quiet == _QUIET_FRAMES:
            self._heard = False
            if self._engine.replies:
                self._speaking = asyncio.create_task(self._speak())

    async def _speak(self) -> None:
        """Talk four seconds, past the caller's next word; ask after the first to hear when it was played."""
        for number in range(200):
            await self._say({"event": "media", "media": {"payload": _FRAME}})
            if number == 49:
                await self._say({"event": "mark", "mark": {"name": "one second"}})
            await asyncio.sleep(0.019)

    async def _say(self, message: dict[str, Any]) -> None:
        await self._socket.send(json.dumps({**message, "streamSid": self._stream}))


@asynccontextmanager
async def listening(engine: Engine) -> AsyncGenerator[str]:
    """Serve the engine on loopback; yields its address."""
    async with serve(engine.talk, "127.0.0.1", 0) as server:
        host, port = next(iter(server.sockets)).getsockname()[:2]
        yield f"ws://{host}:{port}/media"
