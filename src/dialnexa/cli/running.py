"""What runs on a data folder now, as its roles say of themselves in the files they leave there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dialnexa.kit.process import alive
from dialnexa.settings import Settings


def running_api(settings: Settings) -> str | None:
    """Return the address of the API that runs on this folder on this machine, ``None`` when none does."""
    facts = _role(settings, "api")
    return f"http://{settings.http_host}:{facts['port']}" if facts else None


def running_sip(settings: Settings) -> str | None:
    """Return the SIP address of the worker that runs on this folder on this machine, ``None`` when none does."""
    facts = _role(settings, "worker")
    return str(facts["sip_uri"]) if facts else None


def ready_file(folder: Path, role: str) -> Path:
    """Return where a supervised role writes what it has to say, once it answers."""
    return folder / f"{role}.ready.json"


def _role(settings: Settings, name: str) -> dict[str, Any] | None:
    try:
        facts: dict[str, Any] = json.loads(ready_file(settings.data / "logs", name).read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    return facts if alive(int(facts["pid"])) else None  # a role that was killed leaves its file behind
