"""``dialnexa doctor``: looks at everything a call needs and says in plain words what is wrong and how to mend it."""

from __future__ import annotations

import asyncio
import shutil
import socket
import sys
import textwrap
from collections.abc import Awaitable, Callable, Iterable
from http import HTTPStatus

import httpx
from rich.console import Console
from rich.markup import escape

from dialnexa.cli import carrier_check, embeddings_check, line_checks, store_check
from dialnexa.cli.finding import Finding
from dialnexa.cli.options import Data, settings_with
from dialnexa.cli.running import running_api, running_sip
from dialnexa.kit.process import port_is_free
from dialnexa.live.plan import Transcriber, Voice
from dialnexa.live.rtp.ports import PortRange
from dialnexa.live.speech.ports import SpeechError
from dialnexa.live.speech.services import SpeechServices
from dialnexa.settings import Settings

_LOW_DISK_GB = 2.0
_RECORDING_MB_PER_MINUTE = 1.92  # stereo, 16 bit, 8 kHz
_INDENT = 19
"""Columns before the words of a finding."""
_UNWRAPPED = 100_000


def doctor(data: Data = None) -> None:
    """Check ports, NAT, trunks, models and disk; exit 1 when something would keep calls from working."""
    console = Console(highlight=False, soft_wrap=True)
    findings = asyncio.run(examine(settings_with(data=data)))
    for finding in findings:
        console.print(_line(finding, console.width if console.is_terminal else _UNWRAPPED))
    bad = sum(finding.grade == "bad" for finding in findings)
    if bad:
        console.print(f"\n[red]{bad} of these would keep calls from working.[/red]")
    sys.exit(1 if bad else 0)


def _line(finding: Finding, width: int) -> str:
    """Write a finding, wrapped under itself on a screen; in a file or pipe it stays on one line."""
    mark = {"good": "[green]good[/green]", "note": "[yellow]note[/yellow]", "bad": "[red]bad [/red]"}[finding.grade]
    words = textwrap.wrap(finding.words, max(width - _INDENT, _INDENT), break_long_words=False, break_on_hyphens=False)
    return f"  {mark}  [bold]{finding.about:10}[/bold] " + f"\n{' ' * _INDENT}".join(map(escape, words))


async def examine(settings: Settings) -> list[Finding]:
    """Return what every check found, in the order a call meets them."""
    checks: tuple[Callable[[Settings], Awaitable[Iterable[Finding]]], ...] = (
        _disk,
        store_check.recordings,
        _ports,
        line_checks.nat,
        line_checks.audio,
        line_checks.certificate,
        line_checks.carriers,
        carrier_check.renting,
        _speech,
        _transcriber,
        _model,
        embeddings_check.embeddings,
    )
    return [finding for check in checks for finding in await check(settings)]


async def _disk(settings: Settings) -> list[Finding]:
    folder = settings.data if settings.data.exists() else settings.data.parent
    free_gb = shutil.disk_usage(folder.resolve()).free / 1e9
    hours = free_gb * 1000 / _RECORDING_MB_PER_MINUTE / 60
    words = f"{free_gb:.1f} GB free for recordings: about {hours:.0f} hours of calls"
    if free_gb < _LOW_DISK_GB:
        return [Finding("bad", "disk", f"{words}. Free some space or move the data folder (--data).")]
    return [Finding("good", "disk", words)]


async def _ports(settings: Settings) -> list[Finding]:
    found = [await _http(settings), _sip(settings)]
    ports = PortRange.parse(settings.rtp_ports)
    needed = settings.capacity * settings.workers
    grade = "good" if ports.free >= needed else "bad"
    who = "this worker takes" if settings.workers == 1 else f"{settings.workers} workers take"
    found.append(
        Finding(
            grade,
            "RTP ports",
            f"UDP {settings.rtp_ports} holds {ports.free} calls; {who} {needed}. "
            "Open this range in your firewall for carriers.",
        )
    )
    return found


async def _http(settings: Settings) -> Finding:
    url = running_api(settings)
    if url is None:
        return _port("HTTP", settings.http_host, settings.http_port, socket.SOCK_STREAM)
    try:
        async with httpx.AsyncClient(timeout=5, trust_env=False) as http:
            answer = await http.get(f"{url}/readyz")
    except httpx.HTTPError as error:
        words = f"the API of this folder runs, but {url} does not answer ({type(error).__name__}). Restart it."
        return Finding("bad", "HTTP", words)
    if not answer.is_success:
        return Finding(
            "note", "HTTP", f"the API at {url} says it is not ready ({answer.status_code}); it may be stopping"
        )
    return Finding("good", "HTTP", f"the API runs and answers at {url}")


def _sip(settings: Settings) -> Finding:
    uris = running_sip(settings)
    if not uris:
        return _port("SIP", settings.sip_host, settings.sip_port, socket.SOCK_DGRAM)
    return Finding("good", "SIP", f"{'a worker runs' if len(uris) == 1 else 'workers run'} at {', '.join(uris)}")


def _port(name: str, host: str, port: int, kind: socket.SocketKind) -> Finding:
    if port == 0 or port_is_free(host, port, kind):
        return Finding("good", name, f"{host}:{port or 'any free port'} is free")
    if not port_is_free(host, 0, kind):
        words = f"this machine cannot listen on {host}: check DIALNEXA_{name}_HOST"
        return Finding("bad", name, words)
    return Finding("note", name, f"{host}:{port} is in use by another program: `dialnexa up` takes a free one")


async def _speech(_settings: Settings) -> list[Finding]:
    try:
        async with SpeechServices.open() as speech:
            async with speech.stt(Transcriber()).open(Transcriber()):
                pass
            async with speech.tts(Voice()).open(Voice()):
                pass
    except SpeechError as error:
        return [Finding("bad", "speech", str(error))]
    return [
        Finding("good", "speech", "embedded recogniser and voice load (guided dialogues, English; demo and IVR grade)")
    ]


async def _model(settings: Settings) -> list[Finding]:
    if not settings.llm_base_url:
        return [
            Finding(
                "note", "model", "none set: agents use builtin/flow. Set DIALNEXA_LLM_BASE_URL for a language model."
            )
        ]
    return [await _endpoint("model", settings.llm_base_url, settings.llm_api_key, "DIALNEXA_LLM_API_KEY")]


async def _transcriber(settings: Settings) -> list[Finding]:
    if not settings.stt_base_url:
        return []  # the embedded one was looked at already
    if not settings.stt_model:
        words = "DIALNEXA_STT_BASE_URL is set, but no agent can name its recogniser before DIALNEXA_STT_MODEL is."
        return [Finding("bad", "ears", words)]
    return [await _endpoint("ears", settings.stt_base_url, settings.stt_api_key, "DIALNEXA_STT_API_KEY")]


async def _endpoint(about: str, base_url: str, key: str, key_setting: str) -> Finding:
    """Ask an OpenAI-compatible endpoint what models it has."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    url = f"{base_url.rstrip('/')}/models"
    try:
        async with httpx.AsyncClient(timeout=5) as http:
            answer = await http.get(url, headers=headers)
    except httpx.HTTPError as error:
        return Finding("bad", about, f"{url} does not answer ({type(error).__name__}). Is the server running?")
    if answer.status_code == HTTPStatus.UNAUTHORIZED:
        return Finding("bad", about, f"{url} refuses the key. Check {key_setting}.")
    return Finding("good" if answer.is_success else "note", about, f"{url} answers {answer.status_code}")
