"""What a call cost: worked out at its end from what it used, and again when its analysis has used more."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.platform.calls import repository
from dialnexa.platform.calls.models import Call
from dialnexa.platform.costs import repository as cost_repository
from dialnexa.platform.costs import service as costs
from dialnexa.platform.costs.pricing import Talk, millionths
from dialnexa.platform.costs.usage import Tokens, Usage
from dialnexa.platform.tenancy import wallet


async def charge(session: AsyncSession, call: Call, usage: Usage) -> None:
    """Write what a call used, and what that costs at the prices of the moment it was placed."""
    cost = await costs.cost_of(session, call.workspace_id, usage, _talk(call), placed_at=call.created_at)
    values = {"usage": usage.model_dump(mode="json"), "cost": cost.model_dump(mode="json")}
    await repository.write(session, call.id, values)
    rows = costs.rows_of(
        call.id,
        cost,
        workspace_id=call.workspace_id,
        account_id=call.account_id,
        livemode=call.livemode,
        agent_id=call.agent_id,
        at=call.created_at,
    )
    await cost_repository.replace_costs(session, call.id, rows)
    if call.livemode and cost.currency == wallet.CURRENCY:
        spent = sum(millionths(line.amount) for line in cost.components)
        owner = (call.workspace_id, call.account_id)
        await wallet.spend_on_call(session, owner, call.id, spent, now=call.ended_at or call.created_at)


async def charge_analysis(session: AsyncSession, call: Call, tokens: Tokens) -> None:
    """Add to a call's cost what its analysis used."""
    if not tokens.requests:
        return
    usage = Usage.model_validate(call.usage or {})
    before = usage.analysis
    whole = Tokens(
        model=tokens.model,
        requests=before.requests + tokens.requests,
        input_tokens=before.input_tokens + tokens.input_tokens,
        output_tokens=before.output_tokens + tokens.output_tokens,
        estimated=before.estimated or tokens.estimated,
    )
    await charge(session, call, usage.model_copy(update={"analysis": whole}))


def _talk(call: Call) -> Talk:
    theirs = call.to_number if call.direction == "outbound" else call.from_number
    return Talk(call.direction, (theirs or "") if call.channel == "phone" else "")
