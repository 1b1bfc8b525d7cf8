"""The process under test: the live wing of a worker with instant provider fakes, answering whoever calls.

Everything else is real: SIP, RTP, the clock, voice activity, the conversation, recordings. Each line on stdin is a
command (``measure``, ``forget``, ``profile``), each answer a line of JSON on stdout; the end of input ends it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import sys
import tempfile
import time
from dataclasses import asdict, replace
from pathlib import Path

from dialnexa.cli.benchmark.sampling import Sampler
from dialnexa.cli.benchmark.watch import WatchedClock
from dialnexa.kit.clock import SystemClock
from dialnexa.kit.ids import new_id
from dialnexa.kit.process import go_first
from dialnexa.live.call import CallControl, hold_call
from dialnexa.live.lines.sip import SipLine
from dialnexa.live.media.engine import MediaEngine, favour_the_clock
from dialnexa.live.plan import AgentPlan, CallPlan, Opening, VoicemailHandling
from dialnexa.live.rtp.ports import PortRange
from dialnexa.live.sip.endpoint import IncomingCall, SipEndpoint
from dialnexa.live.sip.transactions.timers import Timers
from dialnexa.live.speech.instant import InstantSpeech
from dialnexa.live.timeline import CallEvent, TurnSpoken

_PORTS = (30000, 44999)
_BUSY_FOR_S = 5

_AGENT = AgentPlan(
    agent_id="agent_bench",
    version_id="av_bench",
    name="Bench",
    prompt="Talk.",
    opening=Opening(text="Hello, this is the load test."),
    voicemail=VoicemailHandling(detect=False),
)


class Subject:
    """Answers every call and keeps what the report needs."""

    def __init__(
        self,
        endpoint: SipEndpoint,
        media: MediaEngine,
        watch: WatchedClock,
        speech: InstantSpeech,
        recordings: Path | None,
        calls: asyncio.TaskGroup,
    ) -> None:
        self._endpoint = endpoint
        self._media = media
        self._watch = watch
        self._speech = speech
        self._recordings = recordings
        self._calls = calls
        self._ports = PortRange(*_PORTS)
        self._all_ports = self._ports.free
        self._clock = SystemClock()
        self._waterfalls: list[dict[str, int]] = []
        self._turns = 0
        self._sampler = Sampler()
        self._sampling = False

    def take(self, incoming: IncomingCall) -> None:
        """Answer a call, or refuse it as a worker does when one more would cost the others their grid."""
        if self._media.overloaded:
            incoming.reject(503, "Service Unavailable", [("Retry-After", str(_BUSY_FOR_S))])
        else:
            self._calls.create_task(self._answer(incoming))

    async def _answer(self, incoming: IncomingCall) -> None:
        """Hold one call to its end; nobody will listen to its recording."""
        call_id = new_id("call")
        recording = self._recordings / f"{call_id}.wav" if self._recordings else None
        plan = CallPlan(call_id, "inbound", incoming.from_user, incoming.to_user, _AGENT, recording=recording)
        plan = replace(plan, limits=replace(plan.limits, duration_s=3600))
        line = SipLine.answering(incoming, self._endpoint, self._media, self._ports, plan.limits, recording)
        await hold_call(plan, line, self._speech, self._note, clock=self._clock, control=CallControl())
        if recording:
            recording.unlink(missing_ok=True)

    def _note(self, event: CallEvent) -> None:
        if isinstance(event.what, TurnSpoken) and event.what.role == "agent":
            self._turns += 1
            if event.what.latency:
                self._waterfalls.append(dict(event.what.latency))

    def obey(self, command: str) -> dict[str, object]:
        """Do what a line on stdin asks."""
        match command:
            case "forget":
                self._watch.forget()
                self._waterfalls.clear()
                return {}
            case "profile":
                self._sampling = True
                self._sampler.start()
                return {}
            case _:
                return self._measure()

    def _measure(self) -> dict[str, object]:
        """Return the figures so far; CPU of this process and of none of its children."""
        counts = self._endpoint.counts()
        usage = resource.getrusage(resource.RUSAGE_SELF)
        profile, self._sampling = self._sampler.stop() if self._sampling else [], False
        return {
            "cpu_s": usage.ru_utime + usage.ru_stime,
            "clock_thread_s": time.thread_time(),
            "waited_s": self._watch.waited_s,
            "rss_kb": _rss_kb(),
            "legs": self._media.legs,
            "dialogs": counts.dialogs + counts.pending_calls,
            "transactions": counts.client_transactions + counts.server_transactions,
            "ports": self._all_ports - self._ports.free,
            "tasks": len(asyncio.all_tasks()),
            "files": len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0,
            "late": list(self._watch.late),
            "own_late": list(self._watch.own),
            "media": asdict(self._media.lateness),
            "turns": self._turns,
            "waterfalls": self._waterfalls,
            "profile": profile,
        }


def _rss_kb() -> int:
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmRSS"))


async def run(record: bool, timers: Timers) -> None:
    """Answer calls until the input ends."""
    with tempfile.TemporaryDirectory() as folder:
        watch = WatchedClock()

        def take(incoming: IncomingCall) -> None:
            subject.take(incoming)

        async with (
            MediaEngine.open(clock=watch) as media,
            InstantSpeech.open() as speech,
            SipEndpoint.open("127.0.0.1", 0, on_invite=take, timers=timers) as endpoint,
            asyncio.TaskGroup() as calls,
        ):
            subject = Subject(endpoint, media, watch, speech, Path(folder) if record else None, calls)
            favour_the_clock()
            go_first()
            _say({"port": endpoint.address[1]})
            await _obey(subject)


async def _obey(subject: Subject) -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        _say(subject.obey(line.decode().strip()))


def _say(facts: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    import uvloop

    options = argparse.ArgumentParser()
    options.add_argument("--no-recording", action="store_true")
    options.add_argument("--t1", type=float, default=Timers().t1, help="SIP's T1 in seconds.")
    given = options.parse_args()
    uvloop.run(run(not given.no_recording, Timers(given.t1)))
