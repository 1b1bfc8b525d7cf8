"""What differs between two versions: field by field, functions by their names, graphs by their nodes and edges."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import cast

from pydantic import BaseModel

from dialnexa.platform.agents.confidential import with_secrets_hidden
from dialnexa.platform.agents.config import AgentConfig
from dialnexa.platform.agents.functions import AgentFunction
from dialnexa.platform.agents.nested import FLAT_TO_NESTED

Fields = Mapping[str, object]


class FieldChange(BaseModel):
    """One field that differs; a value that is missing on one side is `null` there."""

    field: str
    nested_field: str
    """The same field as the nested form spells it."""
    before: object
    after: object


class PartChange(BaseModel):
    """A function, node or edge that both versions have, and what differs in it."""

    name: str
    changed: list[FieldChange]


class PartsChange(BaseModel):
    """What came, what went and what differs among the functions, nodes or edges."""

    added: list[str]
    removed: list[str]
    changed: list[PartChange]


class FlowChange(BaseModel):
    """How two conversation graphs differ."""

    nodes: PartsChange
    edges: PartsChange
    changed: list[FieldChange]
    """What differs beside nodes and edges, such as `start_node_id`."""


class Comparison(BaseModel):
    """How two versions differ. Secrets are compared, and shown shortened."""

    identical: bool
    changed: list[FieldChange]
    functions: PartsChange
    flow: FlowChange


def compare(before: Fields, after: Fields) -> Comparison:
    """Compare two versions as they are stored. Fields that one of them was stored without count as their default."""
    old, new = _settings(before), _settings(after)
    # Hidden secrets may look alike where the secrets differ, so what differs is found first, and hidden after.
    functions = _parts(_functions(old), _functions(new))
    flow = _flow(_mapping(old.pop("flow")), _mapping(new.pop("flow")))
    del old["agent_functions"], new["agent_functions"]
    changed = _fields(old, new, FLAT_TO_NESTED)
    same = not (changed or _differ(functions) or _differ(flow.nodes) or _differ(flow.edges) or flow.changed)
    return Comparison(identical=same, changed=changed, functions=functions, flow=flow)


def _settings(stored: Fields) -> dict[str, object]:
    return AgentConfig.model_validate(stored).model_dump(mode="json", include=set(AgentConfig.model_fields))


def _functions(settings: Fields) -> dict[str, Fields]:
    listed = cast("list[dict[str, object]]", settings["agent_functions"])
    return {AgentFunction.model_validate(one).tool_name: one for one in listed}


def _flow(before: Fields, after: Fields) -> FlowChange:
    nodes = _parts(_by_id(before.get("nodes")), _by_id(after.get("nodes")))
    edges = _parts(_by_id(before.get("edges")), _by_id(after.get("edges")))
    rest = [{name: value for name, value in each.items() if name not in {"nodes", "edges"}} for each in (before, after)]
    return FlowChange(nodes=nodes, edges=edges, changed=_fields(rest[0], rest[1], {}, "flow."))


def _by_id(listed: object) -> dict[str, Fields]:
    """Return nodes or edges by their ids; editors keep them as a list or as an object. Without an id: by place."""
    if isinstance(listed, Mapping):
        return {name: _mapping(one) for name, one in cast("Mapping[str, object]", listed).items()}
    parts = cast("list[object]", listed) if isinstance(listed, list) else []
    return {str(_mapping(one).get("id") or f"#{place}"): _mapping(one) for place, one in enumerate(parts, 1)}


def _parts(before: Mapping[str, Fields], after: Mapping[str, Fields]) -> PartsChange:
    both = [name for name in after if name in before]
    differing = [(name, _fields(before[name], after[name], {})) for name in both]
    return PartsChange(
        added=[name for name in after if name not in before],
        removed=[name for name in before if name not in after],
        changed=[PartChange(name=name, changed=changed) for name, changed in differing if changed],
    )


def _differ(parts: PartsChange) -> bool:
    return bool(parts.added or parts.removed or parts.changed)


def _fields(before: Fields, after: Fields, spelling: Mapping[str, str], prefix: str = "") -> list[FieldChange]:
    shown = with_secrets_hidden(before), with_secrets_hidden(after)
    return [
        FieldChange(
            field=f"{prefix}{name}",
            nested_field=spelling.get(name, f"{prefix}{name}"),
            before=shown[0].get(name),
            after=shown[1].get(name),
        )
        for name in _in_order(before, after)
        if before.get(name) != after.get(name)
    ]


def _in_order(*fields: Iterable[str]) -> Iterable[str]:
    return dict.fromkeys(name for each in fields for name in each)


def _mapping(value: object) -> Fields:
    return cast("Fields", value) if isinstance(value, Mapping) else {}
