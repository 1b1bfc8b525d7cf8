"""``dialnexa doctor`` on the object store of recordings: a small object written, read and removed, as calls will."""

from __future__ import annotations

import secrets
import tempfile
from pathlib import Path

from dialnexa.cli.finding import Finding
from dialnexa.platform.calls.store import RecordingStore, StoreError
from dialnexa.settings import Settings

_FIX = {
    "write": "Check that the bucket exists and the key may write there (s3:PutObject)",
    "read": "Recordings would arrive but could not be played: the key needs s3:GetObject too",
    "remove": "Recordings work, but nothing could ever be removed: the key needs s3:DeleteObject too",
}


async def recordings(settings: Settings) -> list[Finding]:
    """Tell whether recordings can be kept where they are to go; nothing to tell when they stay in the data folder."""
    if not settings.recordings_url:
        return []
    try:
        store = RecordingStore(settings.recordings_url)
        step, failure = await _try(store, f"doctor-{secrets.token_hex(8)}")
    except StoreError as error:
        return [Finding("bad", "recordings", f"{error}. Check DIALNEXA_RECORDINGS_URL.")]
    if failure:
        words = f"{settings.recordings_url} does not let us {step}: {failure}. {_FIX[step]}, and its address and keys."
        return [Finding("note" if step == "remove" else "bad", "recordings", words)]
    return [Finding("good", "recordings", f"{settings.recordings_url} took, gave back and removed an object")]


async def _try(store: RecordingStore, key: str) -> tuple[str, str]:
    """Write, read and remove an object; return the step that failed and why, nothing when none did."""
    content, step = secrets.token_bytes(64), "write"
    try:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "object"
            file.write_bytes(content)
            await store.put(key, file)
        step = "read"
        found = b"".join([data async for data in store.read(key, 0, len(content))])
        if found != content:
            return step, "it gave back something else"
        step = "remove"
        await store.remove(key)
    except StoreError as error:
        return step, str(error).rstrip(".")
    return "", ""
