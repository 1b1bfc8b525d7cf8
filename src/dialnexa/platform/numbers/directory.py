"""What a worker must know of all trunks at once, to tell whose call an address or a login brings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.kit.secrets import SealBroken, Vault
from dialnexa.platform.numbers import repository
from dialnexa.platform.numbers.models import SipTrunk

Stamp = tuple[int, int, datetime | None]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class KnownTrunk:
    """Where one trunk's calls come from, and the login they may show."""

    trunk_id: str
    host: str
    port: int
    transport: str
    proxy: str
    sources: Sequence[str] = ()
    username: str = ""
    password: str = field(default="", repr=False)
    is_sandbox: bool = False


async def stamp(session: AsyncSession) -> Stamp:
    """Return what differs once any trunk was added, changed or given up."""
    return await repository.trunks_stamp(session)


async def known_trunks(session: AsyncSession, vault: Vault) -> list[KnownTrunk]:
    """Return the trunks of all workspaces."""
    return [_known(trunk, vault) for trunk in await repository.trunks(session)]


def _known(trunk: SipTrunk, vault: Vault) -> KnownTrunk:
    username, password = trunk.username or "", ""
    try:
        password = vault.open(trunk.password_sealed) if trunk.password_sealed else ""
    except SealBroken as error:
        log.error("trunk_password_unreadable", trunk=trunk.id, error=str(error))
    return KnownTrunk(
        trunk_id=trunk.id,
        host=trunk.host,
        port=trunk.port,
        transport=trunk.transport,
        proxy=trunk.outbound_proxy,
        sources=tuple(trunk.sources),
        username=username if password else "",
        password=password,
        is_sandbox=trunk.is_sandbox,
    )
