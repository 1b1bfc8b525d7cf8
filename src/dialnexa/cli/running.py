"""What runs on a data folder now, as its roles say of themselves in the files they leave there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dialnexa.kit.process import alive
from dialnexa.settings import MOST_WORKERS, Settings


def running_api(settings: Settings) -> str | None:
    """Return the address of the API that runs on this folder on this machine, ``None`` when none does."""
    facts = _role(settings, "api")
    return f"http://{settings.http_host}:{facts['port']}" if facts else None


def running_sip(settings: Settings) -> list[str]:
    """Return the SIP addresses of the workers that run on this folder on this machine, the first one first."""
    return [str(facts["sip_uri"]) for name in worker_names(MOST_WORKERS) if (facts := _role(settings, name))]


def worker_names(count: int) -> list[str]:
    """Return what the workers of a machine are called: ``worker``, ``worker-2``, ``worker-3``…"""
    return ["worker", *(f"worker-{number}" for number in range(2, count + 1))]


def ready_file(folder: Path, role: str) -> Path:
    """Return where a supervised role writes what it has to say, once it answers."""
    return folder / f"{role}.ready.json"


def _role(settings: Settings, name: str) -> dict[str, Any] | None:
    try:
        facts: dict[str, Any] = json.loads(ready_file(settings.data / "logs", name).read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    return facts if alive(int(facts["pid"])) else None  # a role that was killed leaves its file behind
