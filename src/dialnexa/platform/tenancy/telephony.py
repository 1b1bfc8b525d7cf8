"""Where a workspace may call (B.11): network groups it has opened, and never by accident an expensive number.

A network group is one kind of line in one country, such as ``gb-mobile``. Without a word of anybody, the groups of the
workspace's own country are open, except its premium numbers; all others are closed. Calls over a trunk of the
workspace's own (SIP, "bring your own carrier") skip the groups, for that carrier has rules and prices of its own. But
premium numbers and prefixes the workspace has blocked stay closed on every way out: they are what toll fraud dials.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import cast

from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.kit import countries, phone
from dialnexa.kit.countries import NOWHERE, LineKind
from dialnexa.kit.errors import Forbidden, NotFound
from dialnexa.platform.tenancy import audit
from dialnexa.platform.tenancy.models import Workspace

_SETTINGS_KEY = "telephony"
_SETTINGS = select(Workspace.settings, Workspace.default_country).where(Workspace.id == bindparam("workspace_id"))
_PATCH = "PATCH /v1/telephony-config"


@dataclass(frozen=True, slots=True)
class NetworkGroup:
    """One kind of line in one country."""

    country: str
    """ISO 3166 alpha-2; ``001``: of no country."""
    kind: LineKind

    @property
    def id(self) -> str:
        """Return how the API names it, such as ``gb-mobile``."""
        return f"{self.country.lower()}-{self.kind}"

    @classmethod
    def of(cls, e164: str) -> NetworkGroup:
        """Return the group a number belongs to."""
        return cls(phone.country_of(e164) or NOWHERE, countries.line_kind(e164))

    @classmethod
    def named(cls, identity: str) -> NetworkGroup:
        """Return the group with this id, or raise ``NotFound``."""
        iso, _, kind = identity.lower().partition("-")
        country = countries.country(iso)
        if country is None or kind not in countries.kinds(country.iso):
            raise NotFound(f"Network group {identity} not found. GET /v1/telephony-config/countries lists them.")
        return cls(country.iso, LineKind(kind))


@dataclass(frozen=True, slots=True)
class TelephonyRules:
    """A workspace's Telephony Config, as it applies to calls that go out one way."""

    blocked_prefixes: tuple[str, ...] = ()
    """E.164 prefixes nobody may call, such as ``+7``."""
    allow_premium: bool = False
    groups: Mapping[str, bool] = field(default_factory=dict[str, bool])
    """What somebody has opened or closed, by group id."""
    sip_byoc: bool = True
    """Whether calls over the workspace's own trunks skip the groups."""
    home: frozenset[str] = frozenset()
    """The workspace's own countries."""
    own_trunk: bool = True
    """Whether the call goes out over a trunk of the workspace's own."""

    def over(self, *, own_trunk: bool, caller: str) -> TelephonyRules:
        """Return the rules for calls from this number; its country is one of the workspace's own."""
        country = phone.country_of(caller)
        return replace(self, own_trunk=own_trunk, home=self.home | ({country} if country else set[str]()))

    def opens(self, group: NetworkGroup) -> bool:
        """Tell whether a group may be called."""
        if (said := self.groups.get(group.id)) is not None:
            return said
        if group.kind is LineKind.PREMIUM:
            return self.allow_premium
        return group.country in self.home

    def refusal(self, e164: str) -> str | None:
        """Return why a number may not be called, and how to open it; ``None`` when it may.

        The one check of destinations: for calls, transfers and whatever else dials.
        """
        if e164.startswith(self.blocked_prefixes):
            return f"its prefix is in blocked_prefixes; take it out with {_PATCH}"
        group = NetworkGroup.of(e164)
        if self.opens(group):
            return None
        this_one = f'{_PATCH}/network-groups/{group.id} {{"enabled": true}}'
        if group.kind is LineKind.PREMIUM:
            alone = f", or only {group.country} with {this_one}" if group.country != NOWHERE else ""
            return f'premium numbers are closed; open them with {_PATCH} {{"allow_premium": true}}{alone}'
        if self.own_trunk and self.sip_byoc:
            return None
        if group.country == NOWHERE:
            return "numbers of no country are called over a SIP trunk of your own only"
        return f"the network group {group.id} is closed; open it with {this_one}"

    def allow(self, e164: str) -> bool:
        """Tell whether a number may be called."""
        return self.refusal(e164) is None

    def require(self, e164: str) -> None:
        """Raise ``Forbidden``, saying how to open it, unless the number may be called (H.1 step 9)."""
        if (why := self.refusal(e164)) is not None:
            raise Forbidden(
                f"The destination {e164} is blocked by Telephony Config: {why}", code="destination_forbidden"
            )


async def rules(session: AsyncSession, workspace_id: str) -> TelephonyRules:
    """Return the rules of a workspace, for calls over its own trunks; ``over`` makes those for another way out."""
    row = (await session.execute(_SETTINGS, {"workspace_id": workspace_id})).one_or_none()
    settings, country = (row[0], row[1]) if row else ({}, None)
    stored = cast(Mapping[str, object], (settings or {}).get(_SETTINGS_KEY) or {})
    return TelephonyRules(
        tuple(cast(list[str], stored.get("blocked_prefixes") or [])),
        stored.get("allow_premium") is True,
        cast(dict[str, bool], stored.get("groups") or {}),
        stored.get("sip_byoc") is not False,
        frozenset({country} if country else set[str]()),
    )


async def set_rules(session: AsyncSession, workspace_id: str, wanted: TelephonyRules) -> None:
    """Replace the rules of a workspace. Hold it first (``hold``) when ``wanted`` was made from what it had."""
    workspace = await hold(session, workspace_id)
    before = cast("Mapping[str, object] | None", workspace.settings.get(_SETTINGS_KEY))
    stored = {
        "blocked_prefixes": list(wanted.blocked_prefixes),
        "allow_premium": wanted.allow_premium,
        "groups": dict(wanted.groups),
        "sip_byoc": wanted.sip_byoc,
    }
    workspace.settings = {**workspace.settings, _SETTINGS_KEY: stored}
    audit.note(session, "telephony_config", workspace_id, before=_told(before or {}), after=_told(stored))


async def set_group(session: AsyncSession, workspace_id: str, group: NetworkGroup, *, enabled: bool) -> TelephonyRules:
    """Open or close one network group, and return the rules as they are then."""
    await hold(session, workspace_id)
    known = await rules(session, workspace_id)
    wanted = replace(known, groups={**known.groups, group.id: enabled})
    await set_rules(session, workspace_id, wanted)
    return wanted


async def hold(session: AsyncSession, workspace_id: str) -> Workspace:
    """Keep others from changing a workspace's settings until the transaction ends."""
    workspace = await session.get(Workspace, workspace_id, with_for_update=True)
    if workspace is None:
        raise NotFound("Workspace not found.")
    return workspace


def _told(stored: Mapping[str, object]) -> dict[str, object]:
    """Return the rules in words for the audit log."""
    groups = cast(Mapping[str, bool], stored.get("groups") or {})
    return {
        **{name: value for name, value in stored.items() if name != "groups"},
        "opened": sorted(name for name, on in groups.items() if on),
        "closed": sorted(name for name, on in groups.items() if not on),
    }
