"""The installation in a data folder, as every command but the first finds it."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from sqlalchemy import inspect
from sqlalchemy.exc import SQLAlchemyError

from dialnexa.kit.secrets import Vault
from dialnexa.platform.database import Database
from dialnexa.platform.numbers import repository as numbers
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


async def trunks(settings: Settings) -> list[tuple[str, str, int]]:
    """Return name, host and port of every trunk that leads outside; none when nothing is installed yet."""
    if not settings.database_url and not (settings.data / "dialnexa.db").exists():
        return []
    async with Database.open(settings.resolved_database_url) as database, database.read() as session:
        connection = await session.connection()
        if not await connection.run_sync(lambda sync: inspect(sync).has_table("sip_trunks")):
            return []
        return [(one.name, one.host, one.port) for one in await numbers.trunks(session) if not one.is_sandbox]


def vault_of(settings: Settings) -> Vault:
    """Return the vault of this machine's master key."""
    return Vault.from_file(settings.data / "master.key")
