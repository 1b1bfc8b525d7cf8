"""Wire shapes of granted programs."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel, Field

from dialnexa.kit.clock import iso
from dialnexa.kit.secrets import Vault
from dialnexa.platform.oauth.repository import Granted


class GrantOut(BaseModel):
    """A program that may act as a key, and which one."""

    id: str
    client_id: str
    client_name: str = Field(description="What the program calls itself; nobody has checked that.")
    redirect_uri: str = Field(description="Where its user was sent back to.")
    key_id: str
    key_name: str
    created_at: str
    createdAt: str
    expires_at: str | None = Field(description="When it ends unless the program is used until then.")

    @classmethod
    def of(cls, granted: Granted, vault: Vault) -> GrantOut:
        """Describe a grant."""
        grant = granted.grant
        registration: dict[str, Any] = json.loads(vault.open(granted.client.sealed))
        return cls(
            id=grant.id,
            client_id=grant.client_id,
            client_name=registration.get("client_name") or "A program without a name",
            redirect_uri=grant.redirect_uri,
            key_id=grant.key_id,
            key_name=granted.key.name,
            created_at=iso(grant.created_at),
            createdAt=iso(grant.created_at),
            expires_at=iso(grant.refresh_expires_at) if grant.refresh_expires_at else None,
        )
