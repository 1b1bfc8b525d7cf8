"""Messages of Twilio Media Streams (bidirectional), as Twilio's side writes and reads them. Numbers travel as strings.

https://www.twilio.com/docs/voice/media-streams/websocket-messages
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import cast

CONNECTED = json.dumps({"event": "connected", "protocol": "Call", "version": "1.0.0"})


@dataclass(frozen=True, slots=True)
class Media:
    """Audio of the agent: µ-law at 8 kHz, one byte per sample, of any length."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Mark:
    """The engine wants to hear this name when everything sent before it was played."""

    name: str


@dataclass(frozen=True, slots=True)
class Clear:
    """The engine wants everything thrown away that was not played yet."""


@dataclass(frozen=True, slots=True)
class Malformed:
    """Not a message of the protocol."""

    why: str


Event = Media | Mark | Clear | Malformed


class Stream:
    """Writes the messages of one stream, each with its sequence number."""

    def __init__(self, stream_sid: str, call_sid: str) -> None:
        self._stream = stream_sid
        self._call = call_sid
        self._sequence = 0
        self._chunk = 0

    def start(self) -> str:
        """Return the message that begins the stream."""
        about = {
            "accountSid": "ACbench",
            "streamSid": self._stream,
            "callSid": self._call,
            "tracks": ["inbound"],
            "customParameters": {},
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        }
        return self._message("start", start=about)

    def media(self, payload: str, at_ms: int) -> str:
        """Return 20 ms of the caller: base64 of 160 bytes, and when they begin, in ms since the start."""
        self._sequence += 1
        self._chunk += 1
        # The one message that is sent fifty times a second; nothing in it needs escaping.
        return (
            f'{{"event":"media","sequenceNumber":"{self._sequence}","media":{{"track":"inbound",'
            f'"chunk":"{self._chunk}","timestamp":"{at_ms}","payload":"{payload}"}},"streamSid":"{self._stream}"}}'
        )

    def mark(self, name: str) -> str:
        """Return the engine's mark: what came before it was played, or cleared."""
        return self._message("mark", mark={"name": name})

    def stop(self) -> str:
        """Return the message that ends the stream."""
        return self._message("stop", stop={"accountSid": "ACbench", "callSid": self._call})

    def _message(self, event: str, **more: object) -> str:
        self._sequence += 1
        return json.dumps({"event": event, "sequenceNumber": str(self._sequence), **more, "streamSid": self._stream})


def read(text: str | bytes) -> Event:
    """Read a message of the engine; never raises."""
    try:
        message = json.loads(text)
    except ValueError:
        return Malformed("not JSON")
    if not isinstance(message, dict):
        return Malformed("not an object")
    fields = cast("dict[str, object]", message)
    match fields:
        case {"event": "media", "media": {"payload": str(payload)}}:
            return _media(payload)
        case {"event": "mark", "mark": {"name": str(name)}}:
            return Mark(name)
        case {"event": "clear"}:
            return Clear()
        case _:
            return Malformed(f"no message of the protocol: event {str(fields.get('event'))[:40]!r}")


def _media(payload: str) -> Event:
    try:
        return Media(base64.b64decode(payload, validate=True))
    except (binascii.Error, ValueError):
        return Malformed("a payload that is no base64")
