"""The installation in a data folder, as every command but the first finds it."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from sqlalchemy import inspect
from sqlalchemy.exc import SQLAlchemyError

from dialnexa.kit.clock import SystemClock
from dialnexa.kit.secrets import Vault
from dialnexa.platform.calls import rejections
from dialnexa.platform.database import Database
from dialnexa.platform.numbers import bindings
from dialnexa.platform.numbers import repository as numbers
from dialnexa.platform.numbers.models import SipTrunk, TrunkRegistration
from dialnexa.platform.numbers.trunks import Termination
from dialnexa.platform.tenancy.bootstrap import Home, read_home
from dialnexa.settings import Settings


class NotPrepared(Exception):
    """There is no installation here; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Installation:
    """What the first workspace has: keys, a number, a demo agent."""

    secret_key: str
    test_secret_key: str
    publishable_key: str
    agent_id: str
    agent_version_id: str
    from_number: str

    @classmethod
    def of(cls, home: Home) -> Installation:
        """Flatten the platform's own description."""
        return cls(**asdict(home.keys), agent_id=home.agent_id, agent_version_id=home.agent_version_id,
                   from_number=home.from_number)  # fmt: skip

    def facts(self) -> dict[str, object]:
        """Return everything by name, for the ready file and ``dialnexa keys``."""
        return asdict(self)


async def read(settings: Settings) -> Installation | None:
    """Return the installation of a data folder, ``None`` when there is none; changes nothing."""
    if not settings.database_url and not (settings.data / "dialnexa.db").exists():
        return None
    try:
        async with Database.open(settings.resolved_database_url) as database:
            home = await read_home(database, vault_of(settings))
    except SQLAlchemyError as error:
        raise NotPrepared(f"The database of {settings.data} cannot be read: {type(error).__name__}. "
                          "Run `dialnexa migrate`, or `dialnexa up`.") from error  # fmt: skip
    return Installation.of(home) if home else None


@dataclass(frozen=True, slots=True)
class KnownTrunk:
    """A trunk that leads outside, and how its registration stands."""

    name: str
    place: str
    """As the operator wrote it: ``host[:port]``."""
    host: str
    port: int
    transport: str
    proxy: str
    registers: bool
    state: str = ""
    """Empty: no worker keeps it."""
    detail: str = ""
    until: datetime | None = None
    again: datetime | None = None
    phones: int | None = None
    """How many phones are registered with us under its login; ``None``: it is no trunk of phones."""


async def trunks(settings: Settings) -> list[KnownTrunk]:
    """Return every trunk that leads outside; none when nothing is installed yet."""
    if not settings.database_url and not (settings.data / "dialnexa.db").exists():
        return []
    async with Database.open(settings.resolved_database_url) as database, database.read() as session:
        connection = await session.connection()
        if not await connection.run_sync(lambda sync: inspect(sync).has_table("sip_trunks")):
            return []
        found = [trunk for trunk in await numbers.trunks(session) if not trunk.is_sandbox]
        ids = [trunk.id for trunk in found]
        standing = {row.trunk_id: row for row in await numbers.registrations(session, ids)}
        phones = Counter(row.trunk_id for row in await bindings.of_trunks(session, ids, SystemClock().now()))
    return [_known(trunk, standing.get(trunk.id), phones[trunk.id], settings.sip_edge) for trunk in found]


async def strangers(settings: Settings) -> tuple[int, str]:
    """Return how many requests of unknown addresses were turned away in a day, and which address sent the most."""
    async with Database.open(settings.resolved_database_url) as database, database.read() as session:
        return await rejections.strangers_since(session, SystemClock().now() - timedelta(days=1))


def _known(trunk: SipTrunk, row: TrunkRegistration | None, phones: int, edge: str) -> KnownTrunk:
    return KnownTrunk(
        name=trunk.name,
        place=str(Termination(trunk.host, trunk.port)),
        host=trunk.host,
        port=trunk.port,
        transport=trunk.transport,
        proxy=trunk.outbound_proxy or edge,
        registers=trunk.registration == "outbound",
        state=row.state if row else "",
        detail=row.detail if row else "",
        until=row.registered_until if row else None,
        again=row.next_try_at if row else None,
        phones=phones if trunk.registration == "inbound" else None,
    )


def vault_of(settings: Settings) -> Vault:
    """Return the vault of this machine's master key."""
    return Vault.from_file(settings.data / "master.key")
