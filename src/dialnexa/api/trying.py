"""Tries functions for the API with what runs them in calls, so that a trial proves something."""

from __future__ import annotations

import asyncio
import json

from dialnexa.kit.clock import Clock
from dialnexa.kit.outgoing import Outgoing
from dialnexa.kit.secrets import SealBroken, Vault
from dialnexa.live.conversation.arguments import BadArguments, read
from dialnexa.live.conversation.functions import FunctionError
from dialnexa.live.plan import FunctionSpec
from dialnexa.platform.agents import sealing
from dialnexa.platform.agents.trying import Trial, Tried, Try
from dialnexa.platform.database import Database
from dialnexa.worker.calling import CallFunctions

_LONGEST_S = 120.0


def trier(outgoing: Outgoing, database: Database, vault: Vault, clock: Clock) -> Try:
    """Return what tries functions through this guard and database."""

    async def attempt(trial: Trial) -> Tried:
        began = clock.monotonic()
        try:
            [function] = sealing.opened([trial.function], vault)
            values = {**sealing.variables(trial.config, vault), **trial.variables}
        except SealBroken as error:
            return Tried(False, str(error), 0)
        spec = FunctionSpec(
            function.tool_name, function.type, function.description, function.parameters, function.config
        )
        variables = {name: one if isinstance(one, str) else json.dumps(one) for name, one in values.items()}
        runner = CallFunctions(outgoing, database, trial.who, variables, now=clock.now)
        ok, result = await _run(runner, spec, json.dumps(dict(trial.arguments)))
        return Tried(ok, result, round((clock.monotonic() - began) * 1000))

    return attempt


async def _run(runner: CallFunctions, spec: FunctionSpec, arguments: str) -> tuple[bool, str]:
    limit = spec.config.get("timeout_ms")
    seconds = min(limit / 1000, _LONGEST_S) if isinstance(limit, int | float) else 10.0
    try:
        async with asyncio.timeout(seconds):
            return True, await runner.run(spec, read(spec.name, arguments, spec.parameters))
    except (FunctionError, BadArguments) as error:
        return False, str(error)
    except TimeoutError:
        return False, f"{spec.name} did not answer within {seconds:g} s."
