"""``Idempotency-Key``: a write that is sent twice is carried out once (contract B.2.5).

A row is taken before the work and marked inside the work's own transaction, so even a crash between the commit and the
answer cannot repeat it. Only successes are kept: after an error the same key may be tried again.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.kit.errors import Conflict
from dialnexa.kit.secrets import Vault, sha256_hex
from dialnexa.platform.database import Database, before_commit
from dialnexa.platform.tenancy.models import IdempotentRequest

KEPT = timedelta(hours=24)
_ABANDONED = timedelta(minutes=1)
"""A request this old that neither finished nor committed died with its process."""
MAX_KEY_LENGTH = 255


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer of a finished request."""

    status: int
    body: bytes


class Attempt:
    """One run of a write under a key. Fill in ``answer`` when it succeeds; ``replay`` is set when it already did."""

    def __init__(self, replay: Answer | None = None) -> None:
        self.replay = replay
        self.answer: Answer | None = None
        self.carried_out = False


class Idempotency:
    """Remembers writes by their keys."""

    def __init__(self, database: Database, vault: Vault, now: Callable[[], datetime]) -> None:
        self._database = database
        self._vault = vault
        self._now = now

    @asynccontextmanager
    async def attempt(self, owner: str, key: str, request: str) -> AsyncGenerator[Attempt]:
        """Hold the key for one write; ``request`` is all that makes it what it is (method, path, body).

        Raises ``Conflict`` when the key was used for another request, or by one that is still running.
        """
        taken_at = self._now()
        replay = await self._take(owner, key, sha256_hex(request), taken_at)
        attempt = Attempt(replay)
        if replay is not None:
            yield attempt
            return
        token = before_commit.set((*before_commit.get(), self._marker(attempt, owner, key, taken_at)))
        try:
            yield attempt
        finally:
            before_commit.reset(token)
            await self._settle(attempt, owner, key, taken_at)

    async def forget_old(self) -> None:
        """Drop keys older than a day."""
        async with self._database.write() as session:
            await session.execute(delete(IdempotentRequest).where(IdempotentRequest.created_at < self._now() - KEPT))

    async def _take(self, owner: str, key: str, fingerprint: str, now: datetime) -> Answer | None:
        try:
            async with self._database.write() as session:
                row = await session.get(IdempotentRequest, (owner, key), with_for_update=True)
                if row is not None and not _may_take_over(row, now):
                    return self._known(row, fingerprint)
                if row is not None:
                    await session.delete(row)
                    await session.flush()
                session.add(IdempotentRequest(owner=owner, key=key, fingerprint=fingerprint, created_at=now))
        except IntegrityError as error:  # another process took the key in this very moment
            raise _still_running() from error
        return None

    def _known(self, row: IdempotentRequest, fingerprint: str) -> Answer:
        if row.fingerprint != fingerprint:
            raise Conflict("This Idempotency-Key was used for a different request; take a new key for a new request.")
        if row.answer is not None and row.status is not None:
            return Answer(row.status, self._vault.open(row.answer).encode())
        raise _still_running()

    def _marker(self, attempt: Attempt, owner: str, key: str, taken_at: datetime) -> _Marker:
        return _Marker(attempt, owner, key, taken_at)

    async def _settle(self, attempt: Attempt, owner: str, key: str, taken_at: datetime) -> None:
        mine = (
            IdempotentRequest.owner == owner,
            IdempotentRequest.key == key,
            IdempotentRequest.created_at == taken_at,
        )
        async with self._database.write() as session:
            if attempt.answer is not None:
                sealed = self._vault.seal(attempt.answer.body.decode())
                await session.execute(
                    update(IdempotentRequest).where(*mine).values(status=attempt.answer.status, answer=sealed)
                )
            elif not attempt.carried_out:
                await session.execute(delete(IdempotentRequest).where(*mine))


async def undo(session: AsyncSession) -> None:
    """Say that this transaction takes back what the request has done: then its key may be used again."""
    for hook in before_commit.get():
        if isinstance(hook, _Marker):
            await hook.undo(session)


class _Marker:
    """Marks the key inside the transaction of the work, and refuses the commit when the key was taken over."""

    def __init__(self, attempt: Attempt, owner: str, key: str, taken_at: datetime) -> None:
        self._attempt = attempt
        self._owner = owner
        self._key = key
        self._taken_at = taken_at
        self._undone = False

    async def __call__(self, session: AsyncSession) -> None:
        if self._undone:
            return
        if not await self._mark(session, carried_out=True):
            raise _still_running()
        self._attempt.carried_out = True

    async def undo(self, session: AsyncSession) -> None:
        """Mark the work as not carried out."""
        await self._mark(session, carried_out=False)
        self._attempt.carried_out, self._undone = False, True

    async def _mark(self, session: AsyncSession, *, carried_out: bool) -> bool:
        marked = await session.scalar(
            update(IdempotentRequest)
            .where(
                IdempotentRequest.owner == self._owner,
                IdempotentRequest.key == self._key,
                IdempotentRequest.created_at == self._taken_at,
            )
            .values(carried_out=carried_out)
            .returning(IdempotentRequest.key)
        )
        return marked is not None


def _may_take_over(row: IdempotentRequest, now: datetime) -> bool:
    age = now - row.created_at
    return age >= KEPT or (row.answer is None and not row.carried_out and age >= _ABANDONED)


def _still_running() -> Conflict:
    return Conflict(
        "A request with this Idempotency-Key is still being carried out, or was cut off before its answer. "
        "Try again in a moment; if this persists, look for its result with a GET before sending it under a new key.",
        code="idempotency_in_progress",
        headers={"Retry-After": "2"},
    )
