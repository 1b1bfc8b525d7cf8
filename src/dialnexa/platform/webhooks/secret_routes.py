"""The workspace's webhook secret over HTTP: it signs for webhooks that have none of their own (contract E.4)."""

from __future__ import annotations

from datetime import timedelta

from dialnexa.platform.http import Db, Now, Router, Secrets
from dialnexa.platform.tenancy.schemas import Done
from dialnexa.platform.webhooks import repository, signing
from dialnexa.platform.webhooks.log_routes import Reader, Writer
from dialnexa.platform.webhooks.schemas import NewWorkspaceSecret, WorkspaceSecretIn, WorkspaceSecretOut

router = Router(tags=["Webhooks"])


@router.get("/workspace/webhook-secret", summary="Get the workspace's webhook secret")
async def get_workspace_secret(who: Reader, database: Db) -> WorkspaceSecretOut:
    """Describe the secret of the key's mode; the secret itself was shown when it was made."""
    async with database.read() as session:
        return WorkspaceSecretOut.of(await repository.workspace_secret(session, who))


@router.post("/workspace/webhook-secret", status_code=201, summary="Make or rotate the workspace's webhook secret")
async def set_workspace_secret(
    body: WorkspaceSecretIn, who: Writer, database: Db, vault: Secrets, now: Now
) -> NewWorkspaceSecret:
    """Make the workspace's secret, or replace it for good; it is in this answer and nowhere else.

    The next delivery already uses it. With `grace_seconds` the old one goes on signing beside it for a while.
    """
    grace = timedelta(seconds=body.grace_seconds)
    async with database.write() as session:
        new = await signing.set_workspace_secret(
            session, vault, who, secret=body.secret, name=body.name, grace=grace, now=now
        )
        return NewWorkspaceSecret.of_new(new.row, new.secret)


@router.delete("/workspace/webhook-secret", summary="Delete the workspace's webhook secret")
async def delete_workspace_secret(who: Writer, database: Db) -> Done:
    """Take the secret away, which is refused while webhooks sign with it."""
    async with database.write() as session:
        await signing.remove_workspace_secret(session, who)
    return Done(message="Webhook secret deleted.", id=who.workspace_id)
