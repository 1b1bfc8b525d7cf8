"""A decoder process: reads audio and questions from standard input, writes what it heard to standard output.

Started by ``decoders.py`` as ``python -m``. It ends when its input ends, which the kernel sees to even when the worker
is killed, and on Linux it also asks for SIGKILL at its parent's death.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys
from collections import deque
from collections.abc import Iterator

import numpy as np
import orjson

from dialnexa.live.speech.embedded.decoding import NOTHING, Decoders, Heard, Question, Stretch
from dialnexa.live.speech.embedded.folding import fold
from dialnexa.live.speech.embedded.wire import Kind, Packet, Unpacker, pack

_READ_BYTES = 65536
_PARTIAL_EVERY_S = 0.24
_LONGEST_S = 30.0
"""Audio of one stretch beyond this is not listened to: nobody answers a question that long."""
_NICE = 5
"""Decoding may wait; the media clock of the worker may not."""
_PR_SET_PDEATHSIG = 1


class _Ear:
    """One call's ears."""

    def __init__(self) -> None:
        self.question = Question()
        self.stretch: Stretch | None = None
        self.cmn = ""
        self.partial = ""
        self.partial_at = 0.0


class Service:
    """Serves many ears with one thread; dictation runs in the gaps between packets."""

    def __init__(self, decoders: Decoders, output: int) -> None:
        """Write answers to the file descriptor ``output``."""
        self._decoders, self._output = decoders, output
        self._ears: dict[int, _Ear] = {}
        self._later: deque[tuple[int, Iterator[Heard | None]]] = deque()

    def run(self, source: int) -> None:
        """Serve until the input ends."""
        unpacker = Unpacker()
        self._send(Kind.READY, 0)
        while True:
            if self._later and not select.select([source], [], [], 0)[0]:
                self._dictate_a_little()
                continue
            data = os.read(source, _READ_BYTES)
            if not data:
                return
            for packet in unpacker.feed(data):
                self._take(packet)

    def _take(self, packet: Packet) -> None:
        match packet.kind:
            case Kind.OPEN:
                self._ears[packet.ear] = _Ear()
            case Kind.EXPECT:
                self._expect(self._ears[packet.ear], packet.payload)
            case Kind.AUDIO:
                self._hear(packet.ear, packet.payload)
            case Kind.FINALIZE:
                self._finalize(packet.ear)
            case Kind.CLOSE:
                self._close(packet.ear)
            case _:
                raise ValueError(f"a decoder process is not told {packet.kind.name}")

    def _expect(self, ear: _Ear, payload: bytes) -> None:
        fields = orjson.loads(payload)
        ear.question = Question(fields["key"], fields["jsgf"], tuple(fields["words"]))
        try:
            self._decoders.prepare(ear.question)
        except (RuntimeError, ValueError) as error:
            # One call's odd phrase must not end the process that listens for others: dictation takes its place.
            print(f"decoder process: a grammar was refused ({error}); dictation instead", file=sys.stderr)  # noqa: T201
            ear.question = Question()

    def _hear(self, number: int, payload: bytes) -> None:
        ear = self._ears[number]
        if not payload:
            return  # pocketsphinx cannot take an empty buffer
        if ear.stretch is None:
            ear.stretch = Stretch(self._decoders, ear.question, ear.cmn)
            ear.partial, ear.partial_at = "", _PARTIAL_EVERY_S
        if ear.stretch.seconds > _LONGEST_S:
            return
        ear.stretch.feed(fold(np.frombuffer(payload, np.int16)))
        if ear.stretch.seconds >= ear.partial_at:
            ear.partial_at = ear.stretch.seconds + _PARTIAL_EVERY_S
            text = ear.stretch.partial()
            if text and text != ear.partial:
                ear.partial = text
                self._send(Kind.PARTIAL, number, orjson.dumps({"text": text}))

    def _finalize(self, number: int) -> None:
        ear = self._ears[number]
        stretch, ear.stretch = ear.stretch, None
        if stretch is None:
            self._final(number, NOTHING)
            return
        heard = stretch.finish()
        ear.cmn = stretch.cmn
        if heard is None:
            self._later.append((number, stretch.dictate()))
        else:
            self._final(number, heard)

    def _close(self, number: int) -> None:
        ear = self._ears.pop(number)
        if ear.stretch is not None:
            ear.stretch.abandon()
        # A dictation already begun is finished, so that its decoder comes back clean; nobody reads the answer.

    def _dictate_a_little(self) -> None:
        number, work = self._later[0]
        heard = next(work)
        if heard is not None:
            self._later.popleft()
            self._final(number, heard)

    def _final(self, number: int, heard: Heard) -> None:
        if number in self._ears:
            fields = {
                "text": heard.text,
                "confidence": heard.confidence,
                "engine": heard.engine,
                "accepted": heard.accepted,
            }
            self._send(Kind.FINAL, number, orjson.dumps(fields))

    def _send(self, kind: Kind, number: int, payload: bytes = b"") -> None:
        data = memoryview(pack(kind, number, payload))
        while data:
            data = data[os.write(self._output, data) :]


def _die_with_parent() -> None:
    """Have the kernel end this process when the worker ends in whatever way (Linux; elsewhere the pipe's end does)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def main() -> None:
    """Run one decoder process on standard input and output."""
    _die_with_parent()
    # A Ctrl-C or a service manager's SIGTERM reaches the whole group; the worker drains first, then closes the pipe.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.setpriority(os.PRIO_PROCESS, 0, _NICE)  # absolute: the worker may have raised its own
    # The grammar parser echoes what it cannot read to standard output; only our own messages may go there.
    answers = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    try:
        Service(Decoders(), output=answers).run(sys.stdin.fileno())
    except BrokenPipeError:
        # The worker went away while it was being answered.
        os._exit(0)


if __name__ == "__main__":
    main()
