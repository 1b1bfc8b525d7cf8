"""Where a workspace may call: premium numbers are closed until someone opens them (B.11, toll fraud)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.kit import phone
from dialnexa.kit.errors import Forbidden, NotFound
from dialnexa.platform.tenancy.models import Workspace

_SETTINGS_KEY = "telephony"


@dataclass(frozen=True, slots=True)
class TelephonyRules:
    """Number prefixes such as ``+1900``; the longest prefix that fits a number decides."""

    allowed_prefixes: tuple[str, ...] = ()
    denied_prefixes: tuple[str, ...] = ()

    def allow(self, e164: str) -> bool:
        """Tell whether a number may be called; without a fitting prefix, all but premium numbers may."""
        allowed = _longest(self.allowed_prefixes, e164)
        denied = _longest(self.denied_prefixes, e164)
        if allowed or denied:
            return allowed > denied
        return not phone.is_premium(e164)


async def rules(session: AsyncSession, workspace_id: str) -> TelephonyRules:
    """Return the rules of a workspace."""
    return _read(await _workspace(session, workspace_id))


async def set_rules(session: AsyncSession, workspace_id: str, wanted: TelephonyRules) -> None:
    """Replace the rules of a workspace."""
    workspace = await _workspace(session, workspace_id)
    workspace.settings = {
        **workspace.settings,
        _SETTINGS_KEY: {
            "allowed_prefixes": list(wanted.allowed_prefixes),
            "denied_prefixes": list(wanted.denied_prefixes),
        },
    }


async def destination_allowed(session: AsyncSession, workspace_id: str, e164: str) -> None:
    """Raise ``Forbidden``, saying how to open it, unless the workspace may call this number (H.1 step 9)."""
    if not (await rules(session, workspace_id)).allow(e164):
        raise Forbidden(
            f"The destination {e164} is blocked by Telephony Config: premium or denied prefix. If you mean to call it, "
            f'allow its prefix: PATCH /v1/telephony-config {{"allowed_prefixes": ["{e164[:5]}"]}}',
            code="destination_forbidden",
        )


async def _workspace(session: AsyncSession, workspace_id: str) -> Workspace:
    workspace = await session.get(Workspace, workspace_id)
    if workspace is None:
        raise NotFound("Workspace not found.")
    return workspace


def _read(workspace: Workspace) -> TelephonyRules:
    lists = cast(Mapping[str, Sequence[str]], workspace.settings.get(_SETTINGS_KEY) or {})
    return TelephonyRules(tuple(lists.get("allowed_prefixes", ())), tuple(lists.get("denied_prefixes", ())))


def _longest(prefixes: Sequence[str], e164: str) -> int:
    return max((len(prefix) for prefix in prefixes if e164.startswith(prefix)), default=0)
