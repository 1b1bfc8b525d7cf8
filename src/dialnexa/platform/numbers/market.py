"""Who rents numbers out here: the carriers of the installation, and the trunks their numbers are reached through.

A carrier's trunk is made of the operator's settings, one in each workspace that rents from it. What the settings say
counts: ``align`` lets trunks follow them, and sees to it that only one of them registers at the carrier, which would
otherwise call us once for each.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.kit.errors import BadRequest
from dialnexa.kit.ids import new_id
from dialnexa.kit.secrets import SealBroken, Vault
from dialnexa.platform.numbers import repository
from dialnexa.platform.numbers.carriers.port import CarrierCatalogue, Line
from dialnexa.platform.numbers.carriers.sandbox import SandboxCatalogue
from dialnexa.platform.numbers.models import SipTrunk
from dialnexa.platform.tenancy.principal import Principal
from dialnexa.platform.tenancy.terms import Terms

_SANDBOX = SandboxCatalogue()


@dataclass(frozen=True, slots=True)
class Market:
    """Who rents numbers out here, and on which terms."""

    terms: Terms
    vault: Vault
    carriers: tuple[CarrierCatalogue, ...] = ()
    """Those the operator has an account with; the first one is asked when nobody says whom. None: the sandbox is."""

    def choose(self, who: Principal, provider: str | None = None) -> CarrierCatalogue:
        """Return the carrier that a key rents from: a test key from the sandbox, for it never reaches anybody outside.

        Raises ``BadRequest`` for one that is not to be had.
        """
        offered = (*self.carriers, _SANDBOX) if who.livemode else (_SANDBOX,)
        if provider is None:
            return offered[0]
        for carrier in offered:
            if carrier.provider == provider.lower():
                return carrier
        names = " or ".join(carrier.provider for carrier in offered)
        raise BadRequest(f"provider must be {names}: that is who rents numbers out here.")

    def of(self, provider: str) -> CarrierCatalogue | None:
        """Return the carrier that a provider's numbers are rented from; ``None``: they are not, or it is gone."""
        return next((one for one in (*self.carriers, _SANDBOX) if one.provider == provider), None)

    @property
    def providers(self) -> list[str]:
        """Return the names of all carriers."""
        return [one.provider for one in (*self.carriers, _SANDBOX)]


async def trunk_to(
    session: AsyncSession, market: Market, carrier: CarrierCatalogue, who: Principal, now: datetime
) -> SipTrunk:
    """Return the workspace's way to a carrier, making it for the first number that needs it."""
    line = carrier.line()
    if line.is_sandbox:
        found = await repository.sandbox_trunk(session, who.workspace_id)
    else:
        found = await repository.carrier_trunk(session, who.workspace_id, carrier.provider)
    if found is None:
        found = new_sandbox_trunk(who, now) if line.is_sandbox else _blank(who, carrier.provider.capitalize(), now)
        if not line.is_sandbox:
            found.carrier = carrier.provider
            _follow(found, line, market.vault)
        session.add(found)
        await session.flush()
        await align(session, market, now)
    return found


async def align(session: AsyncSession, market: Market, now: datetime) -> None:
    """Let the trunks of every carrier be as the settings want them, and one of each register if they want that."""
    for carrier in market.carriers:
        line, trunks = carrier.line(), await repository.carrier_trunks(session, carrier.provider)
        registering = next((one for one in trunks if one.registration == "outbound"), trunks[0] if trunks else None)
        for trunk in trunks:
            registration = "outbound" if line.registers and trunk is registering else "none"
            if _follow(trunk, line, market.vault) or trunk.registration != registration:
                trunk.registration, trunk.updated_at = registration, now
    await session.flush()


def new_sandbox_trunk(who: Principal, now: datetime) -> SipTrunk:
    """Return a trunk to the built-in people, not yet stored. A softphone on this machine may call over it."""
    trunk, line = _blank(who, "Sandbox", now), _SANDBOX.line()
    trunk.host, trunk.auth_mode, trunk.sources, trunk.is_sandbox = line.host, "ip", list(line.sources), True
    return trunk


def _blank(who: Principal, name: str, now: datetime) -> SipTrunk:
    return SipTrunk(
        id=new_id("trunk"),
        workspace_id=who.workspace_id,
        account_id=who.account_id,
        name=name,
        registration="none",
        created_at=now,
        updated_at=now,
    )


def _follow(trunk: SipTrunk, line: Line, vault: Vault) -> bool:
    """Make a trunk as its carrier's line is; return whether that changed anything."""
    wanted: dict[str, object] = {
        "host": line.host,
        "port": line.port,
        "auth_mode": "userpass" if line.username else "ip",
        "username": line.username or None,
        "transport": line.transport,
        "sources": list(line.sources),
    }
    changed = {name: value for name, value in wanted.items() if getattr(trunk, name) != value}
    if line.password != _password(trunk, vault):
        changed["password_sealed"] = vault.seal(line.password) if line.password else None
    for name, value in changed.items():
        setattr(trunk, name, value)
    return bool(changed)


def _password(trunk: SipTrunk, vault: Vault) -> str:
    try:
        return vault.open(trunk.password_sealed) if trunk.password_sealed else ""
    except SealBroken:  # sealed with another master key: it is written anew
        return ""
