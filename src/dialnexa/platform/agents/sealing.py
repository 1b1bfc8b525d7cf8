"""The secrets of agents at rest: sealed where they are stored, opened only for the call that needs them.

A sealed secret stands as ``sealed(…)`` in its secret's place, so settings keep their shape, are copied from version to
version as they are, and can be shown masked by anyone. Settings written before secrets were sealed are read as they
are, and sealed when the version is next changed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Container, Mapping, Sequence
from typing import cast

from dialnexa.kit.errors import BadRequest
from dialnexa.kit.secrets import SealBroken, Vault
from dialnexa.platform.agents.confidential import (
    MASK,
    PARTS,
    SEALED,
    masked_config,
    masks_left,
    pair_name,
    unmasked_url,
    unpacked,
    with_secrets,
)
from dialnexa.platform.agents.config import AgentConfig
from dialnexa.platform.agents.functions import AgentFunction

ALL = frozenset({"agent_functions", *PARTS})
"""The fields in which secrets may stand."""
Config = Mapping[str, object]
_Replace = Callable[[re.Match[str]], str]


def taken(sent: AgentConfig, stored: AgentConfig | None, vault: Vault, *, fields: Container[str] = ALL) -> AgentConfig:
    """Return settings as they are stored: secrets sealed, and masks replaced by what ``stored`` has in their place.

    ``fields`` are those that were sent; the others are ``stored`` already. A function is known again by its name; one
    that was renamed, by its place. Raises ``BadRequest`` for a mask behind which nothing is stored.
    """
    problems, found = list[str](), dict[str, object]()
    functions = sent.agent_functions
    if "agent_functions" in fields:
        functions = _functions(functions, stored.agent_functions if stored else (), vault, problems)
    for name in PARTS:
        value: object = getattr(sent, name)
        if name in fields:
            value = _taken(name, value, getattr(stored, name) if stored else None, vault, problems)
        found[name] = _sealed({name: value}, vault)[name]
    if problems:
        raise BadRequest(
            [
                f"{where} is {MASK}, which stands for a stored secret, and none is stored there; send the secret "
                "itself, or leave the field out"
                for where in problems
            ]
        )
    return sent.model_copy(update={**found, "agent_functions": sealed(functions, vault)})


def sealed(functions: Sequence[AgentFunction], vault: Vault) -> list[AgentFunction]:
    """Return stored functions with every secret sealed that is not yet."""
    return [one.model_copy(update={"config": _sealed(one.config, vault)}) for one in functions]


def opened(functions: Sequence[AgentFunction], vault: Vault) -> list[AgentFunction]:
    """Return functions with their secrets in clear; raise ``SealBroken`` when the master key is another."""
    return [one.model_copy(update={"config": _opened(one.config, vault)}) for one in functions]


def in_clear(settings: AgentConfig, vault: Vault) -> AgentConfig:
    """Return stored settings with their secrets in clear; raise ``SealBroken`` when the master key is another."""
    parts = {name: _opened(getattr(settings, name), vault) for name in PARTS}
    return settings.model_copy(update={**parts, "agent_functions": opened(settings.agent_functions, vault)})


def variables(settings: AgentConfig, vault: Vault) -> dict[str, object]:
    """Return the default variables in clear; raise ``SealBroken`` when the master key is another."""
    return cast("dict[str, object]", _opened(settings.default_dynamic_variables, vault))


def comparable(settings: Config, vault: Vault) -> dict[str, object]:
    """Return the fields of a version with its secrets in clear, for the same secret is never sealed alike twice.

    What cannot be opened any more stays sealed.
    """
    functions = cast("list[Config]", settings.get("agent_functions") or [])
    try:
        clear = [{**one, "config": _opened(one["config"], vault)} for one in functions]
        parts = {name: _opened(settings[name], vault) for name in PARTS if name in settings}
    except SealBroken:
        return dict(settings)
    return {**settings, "agent_functions": clear, **parts}


def _functions(
    sent: Sequence[AgentFunction], stored: Sequence[AgentFunction], vault: Vault, problems: list[str]
) -> list[AgentFunction]:
    known = {function.tool_name: function for function in stored}
    names, found = {function.tool_name for function in sent}, list[AgentFunction]()
    for index, function in enumerate(sent):
        before = known.get(function.tool_name) or _renamed(function, index, stored, names)
        config = cast("dict[str, object]", _disarmed(function.config, vault))
        if before is not None:
            config = cast("dict[str, object]", _kept(config, before.config, masked_config(before.config)))
        problems += [f"agent_functions[{index}].config.{path}" for path in masks_left(config)]
        found.append(function.model_copy(update={"config": config}))
    return found


def _taken(name: str, sent: object, stored: object, vault: Vault, problems: list[str]) -> object:
    value, before = _disarmed(unpacked(sent), vault), unpacked(stored)
    value = _kept(value, before, masked_config({name: before})[name])
    problems += masks_left({name: value})
    return sent if value == unpacked(sent) else json.dumps(value) if isinstance(sent, str) else value


def _sealed(config: Config, vault: Vault) -> dict[str, object]:
    def seal(secret: str) -> str:
        return secret if SEALED.fullmatch(secret) else _seal(secret, vault)

    return with_secrets(config, seal)


def _renamed(
    function: AgentFunction, index: int, stored: Sequence[AgentFunction], names: set[str]
) -> AgentFunction | None:
    before = stored[index] if index < len(stored) else None
    same = before is not None and before.type == function.type and before.tool_name not in names
    return before if same else None


def _seal(secret: str, vault: Vault) -> str:
    return f"sealed({vault.seal(secret)})"


def _disarmed(value: object, vault: Vault) -> object:
    """Seal what was sent as a sealed secret, so that it is opened to what was sent and to nothing else."""
    return _in_texts(value, lambda match: _seal(match[0], vault))


def _opened(value: object, vault: Vault) -> object:
    return _in_texts(value, lambda match: vault.open(match[1]))


def _in_texts(value: object, replace: _Replace) -> object:
    if isinstance(value, str):
        return SEALED.sub(replace, value)
    if isinstance(value, Mapping):
        return {name: _in_texts(one, replace) for name, one in cast("Config", value).items()}
    if isinstance(value, list):
        return [_in_texts(one, replace) for one in cast("list[object]", value)]
    return value


def _kept(sent: object, stored: object, shown: object) -> object:
    """Put back what was ``stored`` wherever ``sent`` is what was ``shown`` of it."""
    if sent == shown:
        return stored
    if isinstance(sent, str):
        return unmasked_url(sent, stored) if isinstance(stored, str) else sent
    if isinstance(sent, Mapping) and isinstance(stored, Mapping):
        before, after = cast("Config", stored), cast("Config", shown)
        return {name: _kept(one, before.get(name), after.get(name)) for name, one in cast("Config", sent).items()}
    if isinstance(sent, list) and isinstance(stored, list):
        listed = cast("list[object]", stored), cast("list[object]", shown)
        places = [_place(one, index, listed[0]) for index, one in enumerate(cast("list[object]", sent))]
        pairs = zip(cast("list[object]", sent), places, strict=True)
        return [one if at is None else _kept(one, listed[0][at], listed[1][at]) for one, at in pairs]
    return cast("object", sent)


def _place(one: object, index: int, stored: Sequence[object]) -> int | None:
    """Return where an item of a list stood: those with a name or an id are known by it, the rest by their place."""
    if name := _name(one):
        return next((at for at, other in enumerate(stored) if _name(other) == name), None)
    return index if index < len(stored) else None


def _name(one: object) -> str:
    """Return what tells an item from the others of its list: what a pair names, the id of a node or an edge."""
    if not isinstance(one, Mapping):
        return ""
    fields = cast("Config", one)
    return pair_name(fields) or str(fields.get("id") or "")
