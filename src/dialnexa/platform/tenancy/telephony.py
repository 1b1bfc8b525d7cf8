"""Where a workspace may call: premium numbers are closed until someone opens them (B.11, toll fraud)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.kit import phone
from dialnexa.kit.errors import Forbidden, NotFound
from dialnexa.platform.tenancy.models import Workspace

_SETTINGS_KEY = "telephony"
_SETTINGS = select(Workspace.settings).where(Workspace.id == bindparam("workspace_id"))


@dataclass(frozen=True, slots=True)
class TelephonyRules:
    """A workspace's Telephony Config: ``settings["telephony"]``."""

    blocked_prefixes: tuple[str, ...] = ()
    """E.164 prefixes nobody may call, such as ``+7``."""
    allow_premium: bool = False

    def allow(self, e164: str) -> bool:
        """Tell whether a number may be called."""
        if e164.startswith(self.blocked_prefixes):
            return False
        return self.allow_premium or not phone.is_premium(e164)


async def rules(session: AsyncSession, workspace_id: str) -> TelephonyRules:
    """Return the rules of a workspace."""
    settings = await session.scalar(_SETTINGS, {"workspace_id": workspace_id})
    stored = cast(Mapping[str, object], (settings or {}).get(_SETTINGS_KEY) or {})
    prefixes = cast(list[str], stored.get("blocked_prefixes") or [])
    return TelephonyRules(tuple(prefixes), stored.get("allow_premium") is True)


async def set_rules(session: AsyncSession, workspace_id: str, wanted: TelephonyRules) -> None:
    """Replace the rules of a workspace. Hold it first (``hold``) when ``wanted`` was made from what it had."""
    workspace = await hold(session, workspace_id)
    stored = {"blocked_prefixes": list(wanted.blocked_prefixes), "allow_premium": wanted.allow_premium}
    workspace.settings = {**workspace.settings, _SETTINGS_KEY: stored}


async def destination_allowed(session: AsyncSession, workspace_id: str, e164: str) -> None:
    """Raise ``Forbidden``, saying how to open it, unless the workspace may call this number (H.1 step 9)."""
    wanted = await rules(session, workspace_id)
    if wanted.allow(e164):
        return
    fix = (
        "its prefix is in blocked_prefixes; take it out with PATCH /v1/telephony-config"
        if e164.startswith(wanted.blocked_prefixes)
        else 'premium numbers are closed; open them with PATCH /v1/telephony-config {"allow_premium": true}'
    )
    raise Forbidden(f"The destination {e164} is blocked by Telephony Config: {fix}", code="destination_forbidden")


async def hold(session: AsyncSession, workspace_id: str) -> Workspace:
    """Keep others from changing a workspace's settings until the transaction ends."""
    workspace = await session.get(Workspace, workspace_id, with_for_update=True)
    if workspace is None:
        raise NotFound("Workspace not found.")
    return workspace
