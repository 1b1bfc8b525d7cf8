"""The rules of OAuth: one consent, one code, tokens that rotate, and a grant that dies when anything is used twice.

Sources: OAuth 2.1 draft sections 4.1 and 4.3, RFC 7636 (PKCE), RFC 9700 section 4.14 (refresh token rotation).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.kit.errors import NotFound
from dialnexa.kit.ids import new_id
from dialnexa.kit.pagination import Page, Part
from dialnexa.kit.secrets import Vault, new_secret, sha256_hex
from dialnexa.platform.oauth import repository
from dialnexa.platform.oauth.models import OAuthClient, OAuthGrant
from dialnexa.platform.oauth.repository import Granted
from dialnexa.platform.tenancy.authentication import check_usable, principal_of, refusal
from dialnexa.platform.tenancy.principal import Principal

ACCESS = "oat"
"""The prefix of access tokens; it tells them from keys."""
REFRESH = "ort"
CODE_LIVES = timedelta(minutes=2)
ACCESS_LIVES = timedelta(hours=1)
REFRESH_LIVES = timedelta(days=30)
_UNUSED_CLIENT_LIVES = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Consent:
    """What somebody agreed to: this program may act as their key, and gets its code at this address."""

    client_id: str
    redirect_uri: str
    redirect_uri_given: bool
    code_challenge: str


@dataclass(frozen=True, slots=True)
class Tokens:
    """A fresh pair of tokens; they are shown this once."""

    access: str
    refresh: str


async def register(session: AsyncSession, vault: Vault, client_id: str, registration: str, *, now: datetime) -> None:
    """Remember a program by the JSON of its registration."""
    session.add(OAuthClient(id=client_id, sealed=vault.seal(registration), created_at=now))


async def registration(session: AsyncSession, vault: Vault, client_id: str) -> str | None:
    """Return the JSON of a program's registration, ``None`` for programs nobody knows."""
    client = await session.get(OAuthClient, client_id)
    return None if client is None else vault.open(client.sealed)


async def consent(session: AsyncSession, who: Principal, given: Consent, *, now: datetime) -> str:
    """Write down a consent and return its code, good for one exchange within two minutes."""
    code = new_secret("oac")
    session.add(
        OAuthGrant(
            id=new_id("grant"),
            workspace_id=who.workspace_id,
            account_id=who.account_id,
            key_id=who.key_id,
            client_id=given.client_id,
            redirect_uri=given.redirect_uri,
            redirect_uri_given=given.redirect_uri_given,
            code_challenge=given.code_challenge,
            code_sha256=sha256_hex(code),
            code_expires_at=now + CODE_LIVES,
            created_at=now,
        )
    )
    return code


async def open_grant(session: AsyncSession, client_id: str, code: str, *, now: datetime) -> OAuthGrant | None:
    """Return the grant of a code that can be exchanged; a code shown again ends what its first exchange began."""
    grant = await repository.grant_by_code(session, client_id, sha256_hex(code))
    if grant is None or grant.code_expires_at <= now:
        return None
    if grant.exchanged_at is not None:
        await session.delete(grant)
        return None
    return grant


async def exchange(session: AsyncSession, client_id: str, code: str, *, now: datetime) -> Tokens | None:
    """Turn a code into tokens, once; ``None`` when another request was faster."""
    grant = await open_grant(session, client_id, code, now=now)
    if grant is None:
        return None
    grant.exchanged_at = now
    return _issue(grant, now)


async def refreshable(session: AsyncSession, client_id: str, token: str, *, now: datetime) -> OAuthGrant | None:
    """Return the grant of a refresh token that is good; one that was spent before ends its grant."""
    sha256 = sha256_hex(token)
    grant = await repository.grant_by_refresh(session, client_id, sha256)
    if grant is None:
        return None
    if grant.refresh_sha256 != sha256:
        await session.delete(grant)
        return None
    return grant if grant.refresh_expires_at is not None and grant.refresh_expires_at > now else None


async def refresh(session: AsyncSession, client_id: str, token: str, *, now: datetime) -> Tokens | None:
    """Turn a refresh token into a new pair, once; ``None`` when it is not good any more."""
    grant = await refreshable(session, client_id, token, now=now)
    if grant is None:
        return None
    grant.spent_refresh_sha256 = grant.refresh_sha256
    return _issue(grant, now)


async def revoke(session: AsyncSession, client_id: str, token: str) -> None:
    """End the grant of a token: both its tokens are worth nothing from now on."""
    await repository.take_back(session, client_id, sha256_hex(token))


async def granted(session: AsyncSession, workspace_id: str, page: Page, *, now: datetime) -> Part[Granted]:
    """Return one page of the programs that may act as a key of the workspace, newest first."""
    return await repository.granted(session, workspace_id, page, now=now)


async def take_back(session: AsyncSession, workspace_id: str, grant_id: str, *, now: datetime) -> None:
    """End a grant of a workspace; raise ``NotFound`` when it has no such grant."""
    grant = await repository.usable(session, workspace_id, grant_id, now=now)
    if grant is None:
        raise NotFound(f"Grant {grant_id} not found. List yours with GET /v1/oauth/grants.")
    await session.delete(grant)


async def principal(session: AsyncSession, token: str, *, now: datetime) -> Principal:
    """Return who an access token stands for; raise ``Unauthorized`` when it, or the key behind it, is good no more."""
    found = await repository.grant_by_access(session, sha256_hex(token))
    if found is None:
        raise refusal("No such access token")
    grant, key = found
    if grant.access_expires_at is None or grant.access_expires_at <= now:
        raise refusal("This access token has expired; refresh it")
    check_usable(key, now)
    return principal_of(key, grant.account_id)


async def client_of(session: AsyncSession, token: str) -> str | None:
    """Return the program an access token was given to."""
    found = await repository.grant_by_access(session, sha256_hex(token))
    return None if found is None else found[0].client_id


async def forget_old(session: AsyncSession, *, now: datetime) -> None:
    """Drop what nobody can use any more."""
    await repository.forget_old(session, now=now, unused_since=now - _UNUSED_CLIENT_LIVES)


def is_access_token(secret: str) -> bool:
    """Tell an access token from a key by its looks."""
    return secret.startswith(f"{ACCESS}_")


def _issue(grant: OAuthGrant, now: datetime) -> Tokens:
    tokens = Tokens(new_secret(ACCESS), new_secret(REFRESH))
    grant.access_sha256, grant.access_expires_at = sha256_hex(tokens.access), now + ACCESS_LIVES
    grant.refresh_sha256, grant.refresh_expires_at = sha256_hex(tokens.refresh), now + REFRESH_LIVES
    return tokens
