"""``dialnexa workspace``: what the operator of an installation decides about its workspaces."""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Annotated

import typer
from rich.console import Console
from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.cli.mistakes import Mistake
from dialnexa.cli.options import Data, settings_with
from dialnexa.kit.clock import SystemClock
from dialnexa.platform.database import Database
from dialnexa.platform.tenancy import audit, kyc, repository, wallet
from dialnexa.platform.tenancy.models import KycCase, Workspace
from dialnexa.settings import Settings

app = typer.Typer(
    add_completion=False, pretty_exceptions_enable=False, help="What the operator decides about a workspace."
)

WorkspaceId = Annotated[
    str | None, typer.Option("--workspace", help="Its id, ws_…; the installation's first if not given.")
]


@app.callback()
def workspace() -> None:
    """Decide about a workspace. What is decided is in its audit log."""


@app.command("kyc")
def decide_kyc(
    approve: Annotated[bool, typer.Option("--approve", help="It is who it says it is.")] = False,
    reject: Annotated[bool, typer.Option("--reject", help="It is not, or does not say enough.")] = False,
    reason: Annotated[str, typer.Option("--reason", help="What the workspace reads under GET /v1/kyc.")] = "",
    workspace_id: WorkspaceId = None,
    data: Data = None,
) -> None:
    """Show what a workspace told about itself, and approve or reject it."""
    if approve and reject:
        raise Mistake("Give either --approve or --reject.")
    case = asyncio.run(_kyc(settings_with(data=data), workspace_id, approve=approve, reject=reject, reason=reason))
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"state {case.state if case else 'not_started'}", markup=False)
    for name, value in (case.details if case else {}).items():
        console.print(f"{name:22} {value}", markup=False)


async def _kyc(
    settings: Settings, workspace_id: str | None, *, approve: bool, reject: bool, reason: str
) -> KycCase | None:
    async with _database(settings) as database:
        async with database.read() as session:
            found = await _workspace(session, workspace_id)
            if not approve and not reject:
                return await session.get(KycCase, found.id)
        async with decided(database, found, "dialnexa workspace kyc") as session:
            return await kyc.decide(
                session, found.id, "verified" if approve else "rejected", reason, now=SystemClock().now()
            )


@app.command("credit")
def credit_wallet(
    usd: Annotated[float, typer.Argument(help="US dollars to put in; a negative amount takes out.")],
    note: Annotated[str, typer.Option("--note", help="What for; the workspace reads it.")] = "",
    workspace_id: WorkspaceId = None,
    data: Data = None,
) -> None:
    """Put money into a workspace's wallet. It is asked for only where DIALNEXA_BILLING is on."""
    left = asyncio.run(_credit(settings_with(data=data), workspace_id, usd, note))
    Console(highlight=False).print(f"balance ${wallet.dollars(left):.2f}", markup=False)


async def _credit(settings: Settings, workspace_id: str | None, usd: float, note: str) -> int:
    async with _database(settings) as database:
        async with database.read() as session:
            found = await _workspace(session, workspace_id)
            account = await repository.default_account(session, found.id, livemode=True)
        async with decided(database, found, "dialnexa workspace credit") as session:
            wallet.credit(session, (found.id, account.id), usd, note=note, now=SystemClock().now())
        async with database.read() as session:
            return await wallet.balance(session, found.id)


@asynccontextmanager
async def decided(database: Database, found: Workspace, command: str) -> AsyncGenerator[AsyncSession]:
    """Yield a session to decide in; the decision goes into the workspace's audit log under the operator's name."""
    async with database.read() as session:
        account = await repository.default_account(session, found.id, livemode=True)
    deed = audit.Deed(
        workspace_id=found.id,
        account_id=account.id,
        actor="operator",
        actor_id=getpass.getuser(),
        actor_name=getpass.getuser(),
        action=command,
        target=found.id,
        at=SystemClock().now(),
    )
    with audit.recorded(deed):
        async with database.write() as session:
            yield session


@asynccontextmanager
async def _database(settings: Settings) -> AsyncGenerator[Database]:
    if not settings.database_url and not (settings.data / "dialnexa.db").exists():
        raise Mistake(f"No installation in {settings.data}. Run `dialnexa up` first, or name its folder with --data.")
    async with Database.open(settings.resolved_database_url) as database:
        yield database


async def _workspace(session: AsyncSession, workspace_id: str | None) -> Workspace:
    if workspace_id is None:
        found = await repository.first_workspace(session)
    else:
        found = await session.get(Workspace, workspace_id)
    if found is None:
        raise Mistake(f"There is no workspace {workspace_id or 'yet'}.")
    return found
