"""Keys and limits of the workspace."""

from __future__ import annotations

from collections.abc import Sequence

from dialnexa_client.decoding import reader
from dialnexa_client.exchange import Core, Plan, Request, part
from dialnexa_client.models.records import Answer
from dialnexa_client.models.workspace import ApiKey, Deleted, Limits, NewApiKey
from dialnexa_client.operations import asking
from dialnexa_client.paging import Search


def create_key(
    core: Core,
    *,
    name: str,
    type: str | None = None,
    environment: str | None = None,
    scopes: Sequence[str] | None = None,
    expire_now: bool | None = None,
    idempotency_key: str | None = None,
) -> Plan[NewApiKey]:
    """Make a key; its secret is in this answer and nowhere else.

    ``type`` is secret, publishable or restricted (then with ``scopes`` such as ``calls:write``). ``expire_now`` tells
    what happens to the key this one replaces: true ends it at once, false in 24 hours.
    """
    body = {
        "name": name,
        "type": type,
        "environment": environment,
        "scopes": None if scopes is None else list(scopes),
        "expire_now": expire_now,
    }
    sent = {field: value for field, value in body.items() if value is not None}
    return core.ask(Request("POST", "/api-keys", reader(NewApiKey), body=sent, idempotency_key=idempotency_key))


def keys(core: Core, *, search: str | None = None, limit: int = 100) -> Search[ApiKey]:
    """List keys, newest first, with those that were revoked or have expired. ``search`` is part of the name."""
    return Search(core, "/api-keys", ApiKey, {"search": search}, limit)


def key(core: Core, key_id: str) -> Plan[ApiKey]:
    """Return a key, without its secret."""
    return asking.get(core, f"/api-keys/{part(key_id)}", ApiKey)


def update_key(core: Core, key_id: str, **fields: object) -> Plan[ApiKey]:
    """Change ``name``, ``scopes``, ``allowed_origins`` or ``allowed_agents``."""
    return asking.write(core, "PATCH", f"/api-keys/{part(key_id)}", ApiKey, fields)


def regenerate_key(core: Core, key_id: str, *, expire_now: bool = False) -> Plan[NewApiKey]:
    """Make a key with the same rights; the old one ends now, or in 24 hours."""
    return asking.write(core, "POST", f"/api-keys/{part(key_id)}/regenerate", NewApiKey, {"expire_now": expire_now})


def scopes(core: Core) -> Plan[tuple[Answer, ...]]:
    """List what restricted keys may be allowed."""
    return asking.items(core, "/api-keys/scopes", Answer)


def revoke_key(core: Core, key_id: str) -> Plan[Deleted]:
    """End a key at once. Calls that run are not cut."""
    return core.ask(Request("DELETE", f"/api-keys/{part(key_id)}", reader(Deleted)))


def grants(core: Core, *, limit: int = 100) -> Search[Answer]:
    """List the programs that somebody let act as one of the keys over OAuth, newest first."""
    return Search(core, "/oauth/grants", Answer, {}, limit)


def revoke_grant(core: Core, grant_id: str) -> Plan[Deleted]:
    """Take back what a program was granted; the key stays as it is."""
    return core.ask(Request("DELETE", f"/oauth/grants/{part(grant_id)}", reader(Deleted)))


def limits(core: Core) -> Plan[Limits]:
    """Return how many calls the workspace may hold at once, and holds now."""
    return core.ask(Request("GET", "/workspace/limits", reader(Limits)))


def set_limits(core: Core, *, concurrency_limit: int) -> Plan[Limits]:
    """Set the concurrency limit. Calls that run are not cut when it sinks below their number."""
    return core.ask(
        Request("PATCH", "/workspace/limits", reader(Limits), body={"concurrency_limit": concurrency_limit})
    )
