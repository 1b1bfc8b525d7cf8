"""Placing a call: from a request to a queued call, its slots, its event and its place in the queue, in one transaction.

The order of the checks is the contract's (H.1): form, agent, number, destination, limit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.kit import templates
from dialnexa.kit.errors import BadRequest, Conflict, Unprocessable
from dialnexa.kit.ids import new_id
from dialnexa.platform.agents.config import AgentConfig
from dialnexa.platform.agents.service import ResolvedVersion, resolve_for_call
from dialnexa.platform.calls import repository
from dialnexa.platform.calls.admission import Refused, admit, scopes_of
from dialnexa.platform.calls.models import Call
from dialnexa.platform.calls.records import TimelineEntry
from dialnexa.platform.calls.request import CallIn
from dialnexa.platform.calls.service import tell
from dialnexa.platform.calls.states import CallState
from dialnexa.platform.numbers.models import PhoneNumber
from dialnexa.platform.numbers.service import outbound_rules, resolve_caller_id
from dialnexa.platform.tenancy import audit, kyc, wallet
from dialnexa.platform.tenancy.principal import Principal
from dialnexa.platform.tenancy.terms import Terms

NO_TERMS = Terms()
"""What applies where nobody says otherwise."""


class Queue(Protocol):
    """Where a placed call waits for a worker: ``engine.EngineClient``."""

    async def enqueue_in_transaction(self, session: AsyncSession, call_id: str) -> None:
        """Queue a call as part of the session's transaction."""
        ...


@dataclass(frozen=True, slots=True)
class Placed:
    """A call that was accepted."""

    call: Call
    version_number: int


async def place(
    session: AsyncSession,
    principal: Principal,
    body: CallIn,
    *,
    queue: Queue,
    now: datetime,
    origin: str = "api",
    terms: Terms = NO_TERMS,
) -> Placed:
    """Accept a call, or raise what is wrong with it; a refused one leaves no row. Must run in ``Database.write()``."""
    version = await resolve_for_call(
        session,
        principal.workspace_id,
        agent_version_id=body.agent_version_id,
        agent_id=body.agent_id,
        version_number=body.agent_version_number,
    )
    number = await resolve_caller_id(
        session, principal.workspace_id, body.caller_id, version.version_id, livemode=principal.livemode
    )
    if principal.livemode:  # a test call never leaves the machine
        (await outbound_rules(session, principal.workspace_id, number)).require(body.destination)
        await kyc.require(session, terms.verification, principal.workspace_id, number.e164, body.destination)
        if terms.billing:
            await wallet.require(session, principal.workspace_id, 0)
        await wallet.require_below_cap(session, principal.workspace_id, now)
    trunk_id = _trunk(principal, number)
    call = _call(principal, body, version, number, now)
    call.trunk_id, call.origin = trunk_id, origin
    scopes = scopes_of(call.workspace_id, call.account_id, number_id=number.id, trunk_id=trunk_id)
    verdict = await admit(session, call_id=call.id, scopes=scopes, now=now)
    if isinstance(verdict, Refused):
        raise _at_the_limit(verdict)
    await repository.add(session, call)
    lines = [TimelineEntry(now, "call_queued")]
    if call.unresolved_variables:
        lines.append(TimelineEntry(now, "variables_unresolved", {"names": call.unresolved_variables}))
    await repository.append(session, call.id, lines)
    audit.note(session, "calls", call.id)
    await tell(session, call, "call.initiated", now, version_number=version.number)
    await queue.enqueue_in_transaction(session, call.id)
    return Placed(call, version.number)


def _trunk(principal: Principal, number: PhoneNumber) -> str | None:
    if not principal.livemode:
        return None  # a test key's calls go to the sandbox
    if number.trunk_id is None:
        raise Unprocessable(f"{number.e164} has no SIP trunk to call out through. Connect one to the number first.")
    return number.trunk_id


def _at_the_limit(refused: Refused) -> Conflict:
    what = {"ws": "Workspace", "acct": "Account", "num": "Phone number", "trunk": "Trunk"}
    name = what.get(refused.scope.partition(":")[0], "Campaign")
    return Conflict(
        f"{name} concurrency limit reached: {refused.limit} calls are active. Try again when one has ended.",
        code="concurrency_limit_reached",
        headers={"Retry-After": "5"},
    )


def _call(principal: Principal, body: CallIn, version: ResolvedVersion, number: PhoneNumber, now: datetime) -> Call:
    call_id = new_id("call")
    built_in = templates.built_ins(
        call_id=call_id, agent_id=version.agent_id, agent_name=version.title, caller_number=body.destination
    )
    missing = _unresolved(version.config, {**built_in, **body.prompt_variables})
    if missing and version.config.require_variables:
        raise BadRequest([f"variables.{name} should not be empty" for name in missing])
    return Call(
        id=call_id,
        workspace_id=principal.workspace_id,
        account_id=principal.account_id,
        livemode=principal.livemode,
        channel="phone",
        direction="outbound",
        agent_id=version.agent_id,
        agent_version_id=version.version_id,
        phone_number_id=number.id,
        from_number=number.e164,
        to_number=body.destination,
        state=str(CallState.QUEUED),
        variables=body.prompt_variables,
        metadata_=body.metadata or {},
        notes=body.notes,
        retry=None if body.retry is None else body.retry.model_dump(),
        unresolved_variables=missing,
        attempt=1,
        created_at=now,
    )


def _unresolved(config: AgentConfig, values: Mapping[str, object]) -> list[str]:
    """Return the variables the agent's texts use and nobody gave a value (H.4), each once."""
    missing: dict[str, None] = {}
    for text in (config.prompt_text, config.welcome_message, config.voicemail_message):
        missing.update(dict.fromkeys(templates.render(text, values, config.default_dynamic_variables).unresolved))
    return list(missing)
