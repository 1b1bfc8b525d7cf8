"""Agents: make, change, publish, roll back."""

from __future__ import annotations

from collections.abc import Mapping

from dialnexa_client.decoding import reader
from dialnexa_client.exchange import Core, Plan, Request, part
from dialnexa_client.models.agents import Agent, AgentVersion
from dialnexa_client.models.records import Answer
from dialnexa_client.models.workspace import Deleted
from dialnexa_client.operations import asking
from dialnexa_client.paging import Search

_TEMPLATES = "/agent-templates"


def create(
    core: Core,
    *,
    title: str,
    prompt_text: str,
    voice_id: str,
    language_id: str,
    idempotency_key: str | None = None,
    **fields: object,
) -> Plan[Agent]:
    """Make an agent with a draft version 1. Any further field of the API's flat form may be given by its name.

    Publish the draft before it can take calls; ``is_published=True`` does so at once.
    """
    body = {"title": title, "prompt_text": prompt_text, "voice_id": voice_id, "language_id": language_id, **fields}
    return core.ask(Request("POST", "/agents", reader(Agent), body=body, idempotency_key=idempotency_key))


def get(core: Core, agent_id: str) -> Plan[Agent]:
    """Return an agent: the fields of its open draft."""
    return core.ask(Request("GET", f"/agents/{part(agent_id)}", reader(Agent)))


def search(core: Core) -> Search[Agent]:
    """List agents, newest first, in short."""
    return Search(core, "/agents", Agent, {}, key="agents")


def update(core: Core, agent_id: str, **fields: object) -> Plan[Agent]:
    """Change a draft; fields left out stay as they are. Raises ``BadRequest`` for a published version: it is locked."""
    return core.ask(Request("PATCH", f"/agents/{part(agent_id)}", reader(Agent), body=fields))


def publish(
    core: Core,
    agent_id: str,
    *,
    version_number: int | None = None,
    inbound_phone_number_id: str | None = None,
    outbound_phone_number_id: str | None = None,
) -> Plan[Agent]:
    """Freeze a draft as an immutable version and make it live. ``live_agent_version_id`` then places calls."""
    body = {
        "version_number": version_number,
        "inbound_phone_number_id": inbound_phone_number_id,
        "outbound_phone_number_id": outbound_phone_number_id,
    }
    sent = {name: value for name, value in body.items() if value is not None}
    return core.ask(Request("POST", f"/agents/{part(agent_id)}/publish", reader(Agent), body=sent))


def roll_back(core: Core, agent_id: str, version_number: int) -> Plan[Agent]:
    """Make an older published version the live one."""
    body = {"version_number": version_number}
    return core.ask(Request("POST", f"/agents/{part(agent_id)}/rollback", reader(Agent), body=body))


def versions(core: Core, agent_id: str, *, limit: int = 100) -> Search[AgentVersion]:
    """List an agent's versions, newest first."""
    return Search(core, f"/agents/{part(agent_id)}/versions", AgentVersion, {}, limit)


def delete(core: Core, agent_id: str) -> Plan[Deleted]:
    """Take an agent away and off its numbers. The records of its calls stay."""
    return core.ask(Request("DELETE", f"/agents/{part(agent_id)}", reader(Deleted)))


def duplicate(
    core: Core, agent_id: str, *, title: str | None = None, idempotency_key: str | None = None
) -> Plan[Agent]:
    """Make a draft agent that begins as this one is."""
    path, body = f"/agents/{part(agent_id)}/duplicate", asking.given(title=title)
    return asking.write(core, "POST", path, Agent, body, idempotency_key=idempotency_key)


def version(core: Core, agent_id: str, number: int) -> Plan[Answer]:
    """Return one version, with all its fields."""
    return asking.get(core, f"/agents/{part(agent_id)}/versions/{number}", Answer)


def compare(core: Core, agent_id: str, from_: int | None = None, to: int | None = None) -> Plan[Answer]:
    """Return what differs between two versions; without numbers, between the live one and the draft."""
    return asking.get(core, f"/agents/{part(agent_id)}/versions/compare", Answer, {"from": from_, "to": to})


def check_flow(core: Core, agent_id: str, number: int) -> Plan[Answer]:
    """Return what is wrong with a version's conversation graph."""
    return asking.get(core, f"/agents/{part(agent_id)}/versions/{number}/flow-check", Answer)


def restore(core: Core, agent_id: str, number: int) -> Plan[Agent]:
    """Make the draft what a version was."""
    return asking.write(core, "POST", f"/agents/{part(agent_id)}/versions/{number}/restore", Agent)


def export(core: Core, agent_id: str, *, version: int | None = None) -> Plan[Answer]:
    """Return an agent as a file, without its secrets; ``import_`` makes an agent of ``answer.raw``."""
    return asking.get(core, f"/agents/{part(agent_id)}/export", Answer, {"version": version})


def import_(
    core: Core,
    file: Mapping[str, object],
    *,
    dry_run: bool = False,
    title: str | None = None,
    folder_id: str | None = None,
    idempotency_key: str | None = None,
) -> Plan[Answer]:
    """Make an agent of a file; ``dry_run`` only tells what would be missing here."""
    query = {"dry_run": dry_run or None, "title": title, "folder_id": folder_id}
    return asking.write(core, "POST", "/agents/import", Answer, file, query=query, idempotency_key=idempotency_key)


def move(core: Core, agent_id: str, folder_id: str | None) -> Plan[Answer]:
    """Put an agent into a folder; ``None`` takes it out."""
    return asking.write(core, "PATCH", f"/agents/{part(agent_id)}/folder", Answer, {"folder_id": folder_id})


def try_function(core: Core, agent_id: str, function_name: str, **fields: object) -> Plan[Answer]:
    """Use one of an agent's functions without a call; ``fields``: ``arguments``, ``variables``, ``version_number``."""
    path = f"/agents/{part(agent_id)}/functions/{part(function_name)}/test"
    return asking.write(core, "POST", path, Answer, fields)


def templates(core: Core, *, category: str | None = None, direction: str | None = None) -> Search[Answer]:
    """List agents to begin with."""
    return Search(core, _TEMPLATES, Answer, {"category": category, "direction": direction}, key="templates")


def template(core: Core, template_id: str) -> Plan[Answer]:
    """Return an agent to begin with, whole."""
    return asking.get(core, f"{_TEMPLATES}/{part(template_id)}", Answer)


def from_template(core: Core, template_id: str, *, idempotency_key: str | None = None, **fields: object) -> Plan[Agent]:
    """Make an agent of a template; ``fields``: ``title``, ``variables``, ``folder_id``, ``is_published``."""
    path = f"{_TEMPLATES}/{part(template_id)}/agents"
    return asking.write(core, "POST", path, Agent, fields, idempotency_key=idempotency_key)


def integrations(core: Core) -> Search[Answer]:
    """List the services that agents' functions can use here."""
    return Search(core, "/integrations", Answer, {})
