"""Recordings behind links: who may fetch one, and which file it is."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from dialnexa.kit.secrets import SealBroken, Vault

LASTS = timedelta(days=7)
"""How long a link to a recording works (contract B.3.7)."""


def link(base_url: str, vault: Vault, call_id: str, now: datetime) -> str:
    """Return a URL that plays a call's recording without a key until it expires."""
    expires = round((now + LASTS).timestamp())
    token = vault.seal(json.dumps({"recording_of": call_id, "until": expires}))
    return f"{base_url.rstrip('/')}/v1/calls/{call_id}/recording?token={token}"


def opens(vault: Vault, token: str, call_id: str, now: datetime) -> bool:
    """Tell whether a link's token is ours, for this call, and has not expired."""
    try:
        claims: Any = json.loads(vault.open(token))
        until = datetime.fromtimestamp(claims["until"], UTC)
    except (SealBroken, ValueError, KeyError, TypeError, UnicodeError):
        return False  # not a token of ours, whatever else it may be
    return claims.get("recording_of") == call_id and now < until


def file_of(store: Path, blob_key: str) -> Path | None:
    """Return the file of a recording, if it is there; never one outside the store, whatever the key says."""
    root = store.resolve()
    path = (root / blob_key).resolve()
    return path if path.is_relative_to(root) and path.is_file() else None
