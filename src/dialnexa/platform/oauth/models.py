"""Tables of OAuth: the programs that registered, and what people granted them. Codes and tokens are kept as hashes."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from dialnexa.platform.database import Base
from dialnexa.platform.tenancy.models import tenant_key


class OAuthClient(Base):
    """A program that registered itself (RFC 7591). It belongs to nobody until somebody grants it something."""

    __tablename__ = "oauth_clients"

    id: Mapped[str] = mapped_column(primary_key=True)
    sealed: Mapped[str] = mapped_column(Text)
    """Its registration as sealed JSON, with the secret it was given."""
    created_at: Mapped[datetime] = mapped_column(index=True)


class OAuthGrant(Base):
    """One consent: the code it began with, and the tokens that stand for it now. It can do what its key can."""

    __tablename__ = "oauth_grants"
    __table_args__ = (tenant_key(), Index("ix_oauth_grants_workspace", "workspace_id", "id"))

    id: Mapped[str] = mapped_column(primary_key=True)
    workspace_id: Mapped[str] = mapped_column(ForeignKey("workspaces.id"))
    account_id: Mapped[str]
    key_id: Mapped[str] = mapped_column(ForeignKey("api_keys.id", ondelete="CASCADE"))
    client_id: Mapped[str] = mapped_column(ForeignKey("oauth_clients.id", ondelete="CASCADE"), index=True)
    redirect_uri: Mapped[str] = mapped_column(Text)
    redirect_uri_given: Mapped[bool]
    """Whether the request named it; then the exchange has to name it as well (RFC 6749 section 4.1.3)."""
    code_challenge: Mapped[str]
    code_sha256: Mapped[str] = mapped_column(unique=True)
    code_expires_at: Mapped[datetime]
    exchanged_at: Mapped[datetime | None]
    access_sha256: Mapped[str | None] = mapped_column(unique=True)
    access_expires_at: Mapped[datetime | None]
    refresh_sha256: Mapped[str | None] = mapped_column(unique=True)
    refresh_expires_at: Mapped[datetime | None]
    spent_refresh_sha256: Mapped[str | None] = mapped_column(index=True)
    """The refresh token before the present one: whoever shows it stole it, or was stolen from."""
    created_at: Mapped[datetime]
