"""The process under test: the live wing of a worker with instant provider fakes, answering whoever calls.

Everything else is real: SIP, RTP, the clock, voice activity, the conversation, recordings. It speaks JSON lines on
stdin and stdout: ``{"measure": true}`` answers with figures, end of input ends it.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import statistics
import sys
import tempfile
from dataclasses import asdict, replace
from pathlib import Path

from dialnexa.kit.clock import SystemClock
from dialnexa.kit.ids import new_id
from dialnexa.live.call import CallControl, hold_call
from dialnexa.live.lines.sip import SipLine
from dialnexa.live.media.engine import MediaEngine, calm_garbage_collector
from dialnexa.live.plan import AgentPlan, CallEvent, CallPlan, Opening, TurnSpoken, VoicemailHandling
from dialnexa.live.rtp.ports import PortRange
from dialnexa.live.sip.endpoint import IncomingCall, SipEndpoint
from dialnexa.live.speech.instant import InstantSpeech

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
        self, endpoint: SipEndpoint, media: MediaEngine, speech: InstantSpeech, recordings: Path | None
    ) -> None:
        self._endpoint = endpoint
        self._media = media
        self._speech = speech
        self._recordings = recordings
        self._ports = PortRange(30000, 44999)
        self._clock = SystemClock()
        self._replies: list[int] = []
        self._turns = 0

    async def answer(self, incoming: IncomingCall) -> None:
        """Hold one call to its end."""
        call_id = new_id("call")
        recording = self._recordings / f"{call_id}.wav" if self._recordings else None
        plan = CallPlan(call_id, "inbound", incoming.from_user, incoming.to_user, _AGENT, recording=recording)
        plan = replace(plan, limits=replace(plan.limits, duration_s=3600))
        line = SipLine.answering(incoming, self._endpoint, self._media, self._ports, plan.limits, recording)
        await hold_call(plan, line, self._speech, self._note, clock=self._clock, control=CallControl())

    def _note(self, event: CallEvent) -> None:
        if isinstance(event.what, TurnSpoken) and event.what.role == "agent":
            self._turns += 1
            if (first := event.what.latency.get("first_packet")) is not None:
                self._replies.append(first)

    def measure(self) -> dict[str, object]:
        """Return the figures so far; CPU of this process and of none of its children."""
        usage = resource.getrusage(resource.RUSAGE_SELF)
        replies = sorted(self._replies)
        return {
            "cpu_s": usage.ru_utime + usage.ru_stime,
            "rss_kb": _rss_kb(),
            "legs": self._media.legs,
            "tasks": len(asyncio.all_tasks()),
            "files": len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0,
            "lateness": asdict(self._media.lateness),
            "turns": self._turns,
            "reply_p50_ms": statistics.median(replies) if replies else None,
            "reply_p95_ms": replies[int(len(replies) * 0.95)] if replies else None,
        }


def _rss_kb() -> int:
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmRSS"))


async def run(record: bool) -> None:
    """Answer calls until the input ends."""
    with tempfile.TemporaryDirectory() as folder:
        waiting: list[IncomingCall] = []
        on_invite = waiting.append
        async with (
            MediaEngine.open(clock=SystemClock()) as media,
            InstantSpeech.open() as speech,
            SipEndpoint.open("127.0.0.1", 0, on_invite=lambda incoming: on_invite(incoming)) as endpoint,
            asyncio.TaskGroup() as calls,
        ):
            subject = Subject(endpoint, media, speech, Path(folder) if record else None)

            def take(incoming: IncomingCall) -> None:
                calls.create_task(subject.answer(incoming))

            on_invite = take
            calm_garbage_collector()
            _say({"port": endpoint.address[1]})
            await _obey(subject)


async def _obey(subject: Subject) -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.readline():
        _say(subject.measure())


def _say(facts: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    import uvloop

    uvloop.run(run(record="--no-recording" not in sys.argv))
