"""The first workspace of an installation: keys, a number, and a demo agent that can be called at once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from importlib import resources
from typing import cast

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.kit.secrets import Vault, sha256_hex
from dialnexa.platform.agents import service as agents
from dialnexa.platform.agents.config import AgentConfig
from dialnexa.platform.database import Database
from dialnexa.platform.numbers import repository as number_rows
from dialnexa.platform.numbers import service as numbers
from dialnexa.platform.numbers.market import new_sandbox_trunk
from dialnexa.platform.tenancy import repository, service
from dialnexa.platform.tenancy.models import Workspace
from dialnexa.platform.tenancy.principal import KeyKind, Principal
from dialnexa.platform.tenancy.service import KeyRequest

FIRST_NUMBER = "+14155550100"
_SETTINGS_KEY = "installation"
_KEYS: dict[str, tuple[KeyKind, bool]] = {
    "secret_key": ("secret", True),
    "test_secret_key": ("secret", False),
    "publishable_key": ("publishable", True),
}


@dataclass(frozen=True, slots=True)
class FirstKeys:
    """The keys an installation begins with."""

    secret_key: str = field(repr=False)
    test_secret_key: str = field(repr=False)
    publishable_key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Home:
    """The first workspace, ready to call."""

    workspace_id: str
    keys: FirstKeys
    agent_id: str
    agent_version_id: str
    from_number: str


async def bootstrap(database: Database, vault: Vault, *, now: datetime, concurrency_limit: int = 25) -> Home:
    """Make the first workspace if there is none, mend what is missing of it, and return it with its keys.

    Safe to call at every start. The keys are kept sealed with the master key, so that the machine that has it can show
    them again; a key that was revoked or has expired is replaced by a new one.
    """
    async with database.write() as session:
        if not database.is_sqlite:
            await session.execute(text("LOCK TABLE workspaces IN EXCLUSIVE MODE"))
        workspace = await repository.first_workspace(session) or await service.create_workspace(
            session, "My workspace", concurrency_limit=concurrency_limit, now=now
        )
        known = cast(Mapping[str, str], workspace.settings.get(_SETTINGS_KEY) or {})
        keys = await _keys(session, workspace, vault, known.get("keys"), now)
        who = await _owner(session, workspace)
        agent_id, version_id = await _demo_agent(session, vault, who, known.get("agent_id"), now)
        number = await _number(session, who, agent_id, version_id, now)
        noted = {"keys": vault.seal(json.dumps(asdict(keys))), "agent_id": agent_id}
        workspace.settings = {**workspace.settings, _SETTINGS_KEY: noted}
        return Home(workspace.id, keys, agent_id, version_id, number)


async def read_home(database: Database, vault: Vault) -> Home | None:
    """Return the first workspace as ``bootstrap`` left it; ``None`` when there is none yet."""
    async with database.read() as session:
        workspace = await repository.first_workspace(session)
        if workspace is None or _SETTINGS_KEY not in workspace.settings:
            return None
        known = cast(Mapping[str, str], workspace.settings[_SETTINGS_KEY])
        keys = FirstKeys(**json.loads(vault.open(known["keys"])))
        version = await agents.resolve_for_call(session, workspace.id, agent_id=known["agent_id"])
        number = await numbers.resolve_caller_id(session, workspace.id, None, version.version_id)
        return Home(workspace.id, keys, version.agent_id, version.version_id, number.e164)


async def _keys(
    session: AsyncSession, workspace: Workspace, vault: Vault, sealed: str | None, now: datetime
) -> FirstKeys:
    known: dict[str, str] = json.loads(vault.open(sealed)) if sealed else {}
    found = dict[str, str]()
    for name, (kind, livemode) in _KEYS.items():
        secret = known.get(name)
        if secret is None or not await _works(session, secret, now):
            wanted = KeyRequest(name=name.replace("_", " ").capitalize(), kind=kind, livemode=livemode)
            secret = (await service.create_key(session, workspace.id, wanted, now=now)).secret
        found[name] = secret
    return FirstKeys(**found)


async def _works(session: AsyncSession, secret: str, now: datetime) -> bool:
    row = await repository.key_by_hash(session, sha256_hex(secret))
    if row is None:
        return False
    key = row[0]
    return key.revoked_at is None and (key.expires_at is None or key.expires_at > now)


async def _owner(session: AsyncSession, workspace: Workspace) -> Principal:
    account = await repository.default_account(session, workspace.id, livemode=True)
    return Principal(workspace.id, account.id, "installation", livemode=True, kind="secret")


async def _demo_agent(
    session: AsyncSession, vault: Vault, who: Principal, known: str | None, now: datetime
) -> tuple[str, str]:
    """Return the demo agent and its live version, making it when it is missing or was deleted."""
    if known is not None and await agents.exists(session, who.workspace_id, known):
        version = await agents.resolve_for_call(session, who.workspace_id, agent_id=known)
        return version.agent_id, version.version_id
    body = json.loads(resources.files("dialnexa.platform.agents").joinpath("demo.json").read_text(encoding="utf-8"))
    created = await agents.create(session, vault, who, AgentConfig.model_validate(body), now=now)
    published = await agents.publish(session, who, created.agent.id, now=now)
    return published.agent.id, published.shown.id


async def _number(session: AsyncSession, who: Principal, agent_id: str, version_id: str, now: datetime) -> str:
    """Return the number calls go out from, making the first one when the workspace has none."""
    every = [number for number in await number_rows.active(session, who.workspace_id) if number.livemode]
    if every:
        number = next((number for number in every if number.is_default), every[0])
        return number.e164
    trunk = new_sandbox_trunk(who, now)
    session.add(trunk)
    await session.flush()
    number = numbers.new_number(who, FIRST_NUMBER, trunk, provider=numbers.SANDBOX, now=now)
    number.is_default, number.label = True, "Sandbox"
    number.inbound_agent_id, number.outbound_agent_version_id = agent_id, version_id
    session.add(number)
    await session.flush()
    return number.e164
