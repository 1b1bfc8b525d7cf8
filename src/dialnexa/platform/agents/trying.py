"""Trying a function without a call, and what functions can connect to (contract C.5, I.3)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Path, Request
from pydantic import BaseModel, Field

from dialnexa.kit.errors import BadRequest, NotFound
from dialnexa.platform.agents import service
from dialnexa.platform.agents.config import AgentConfig
from dialnexa.platform.agents.connected import INTEGRATIONS, Action, Integration
from dialnexa.platform.agents.functions import AgentFunction
from dialnexa.platform.http import Db, Principal, Requires, Router
from dialnexa.platform.wire import Body

router = Router(tags=["Functions"])

Reader = Annotated[Principal, Requires("agents:read")]
Writer = Annotated[Principal, Requires("agents:write")]
_NEEDS_A_CALL = {"end_call", "call_transfer", "sms"}


@dataclass(frozen=True, slots=True)
class Trial:
    """A function to try as a call would."""

    who: Principal
    config: AgentConfig
    """The version's settings, whose secrets are sealed."""
    function: AgentFunction
    arguments: Mapping[str, object]
    variables: Mapping[str, object]
    """The call's own; those it does not give have the version's defaults."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of it."""

    ok: bool
    result: str
    """What a model would read."""
    took_ms: int


Try = Callable[[Trial], Awaitable[Tried]]
"""Runs a function; given to the application, because the wing that runs them is above this one."""


class TrialIn(Body):
    """What the model would give, and the call's variables."""

    arguments: dict[str, object] = Field(default_factory=dict[str, object])
    variables: dict[str, object] = Field(default_factory=dict[str, object])
    version_number: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None
    """Whose function it is; by default the open draft's."""


class TrialOut(BaseModel):
    """What came of it."""

    name: str
    type: str
    ok: bool
    result: str
    """What the model would read."""
    took_ms: int


class ActionOut(BaseModel):
    """Something an integration does."""

    action_key: str
    description: str
    parameters: dict[str, object]
    action_config: dict[str, str]
    """What must be set, and what each is."""


class IntegrationOut(BaseModel):
    """A service that functions can use."""

    provider_key: str
    name: str
    actions: list[ActionOut]


class IntegrationsOut(BaseModel):
    """All of them."""

    data: list[IntegrationOut]


async def _try(request: Request) -> Try:
    return request.app.state.try_function


Tries = Annotated[Try, Depends(_try)]


@router.post("/agents/{agent_id}/functions/{function_name}/test", summary="Try a function")
async def try_function(
    agent_id: str,
    function_name: Annotated[str, Path(max_length=100)],
    body: TrialIn,
    who: Writer,
    database: Db,
    tries: Tries,
) -> TrialOut:
    """Run a function as a call would, and return what the model would read. It really happens: requests are sent."""
    async with database.read() as session:
        if body.version_number is None:
            state = await service.get(session, who.workspace_id, agent_id)
        else:
            state = await service.get_version(session, who.workspace_id, agent_id, body.version_number)
    config = AgentConfig.model_validate(state.shown.config)
    function = _named(config, function_name)
    tried = await tries(Trial(who, config, function, body.arguments, body.variables))
    return TrialOut(
        name=function.tool_name, type=function.type, ok=tried.ok, result=tried.result, took_ms=tried.took_ms
    )


@router.get("/integrations", summary="List integrations")
async def list_integrations(_who: Reader) -> IntegrationsOut:
    """List what functions of the type `integration` can use, and what each action needs."""
    return IntegrationsOut(data=[_integration(one) for one in INTEGRATIONS.values()])


def _named(config: AgentConfig, name: str) -> AgentFunction:
    found = next((one for one in config.agent_functions if name in {one.tool_name, one.display_name}), None)
    if found is None:
        known = ", ".join(one.tool_name for one in config.agent_functions) or "none"
        raise NotFound(f"This version has no function {name}. Its functions: {known}.")
    if found.type in _NEEDS_A_CALL:
        raise BadRequest(f"{found.tool_name} is a {found.type} function, which does nothing without a call.")
    return found


def _integration(one: Integration) -> IntegrationOut:
    return IntegrationOut(
        provider_key=one.key, name=one.name, actions=[_action(action) for action in one.actions.values()]
    )


def _action(action: Action) -> ActionOut:
    return ActionOut(
        action_key=action.key,
        description=action.description,
        parameters=dict(action.parameters),
        action_config=dict(action.settings),
    )
