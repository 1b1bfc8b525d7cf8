"""The workspace's house rules: folders, telephony, KYC, audit log, retention."""

from __future__ import annotations

from datetime import datetime

from dialnexa_client.exchange import Core, Plan, part
from dialnexa_client.models.records import Answer, AuditEntry, Folder
from dialnexa_client.models.workspace import Deleted
from dialnexa_client.operations import asking
from dialnexa_client.paging import Search

_FOLDERS = "/organization-folders"
_TELEPHONY = "/telephony-config"


def create_folder(core: Core, name: str, *, idempotency_key: str | None = None) -> Plan[Folder]:
    """Make a folder for agents."""
    return asking.write(core, "POST", _FOLDERS, Folder, {"name": name}, idempotency_key=idempotency_key)


def folders(core: Core, *, search: str | None = None, limit: int = 50) -> Search[Folder]:
    """List folders; ``search`` is part of the name."""
    return Search(core, _FOLDERS, Folder, {"search": search}, limit, key="folders")


def folder(core: Core, folder_id: str) -> Plan[Folder]:
    """Return a folder."""
    return asking.get(core, f"{_FOLDERS}/{part(folder_id)}", Folder)


def rename_folder(core: Core, folder_id: str, name: str) -> Plan[Folder]:
    """Give a folder another name."""
    return asking.write(core, "PATCH", f"{_FOLDERS}/{part(folder_id)}", Folder, {"name": name})


def delete_folder(core: Core, folder_id: str, *, move_agents_to: str | None = None) -> Plan[Deleted]:
    """Take a folder away; ``move_agents_to`` another folder what is in it, or with ``""`` out of folders."""
    query = {"move_agents_to": move_agents_to}
    return asking.write(core, "DELETE", f"{_FOLDERS}/{part(folder_id)}", Deleted, query=query)


def telephony(core: Core) -> Plan[Answer]:
    """Return which destinations the workspace may call."""
    return asking.get(core, _TELEPHONY, Answer)


def set_telephony(core: Core, **fields: object) -> Plan[Answer]:
    """Change which destinations the workspace may call."""
    return asking.write(core, "PATCH", _TELEPHONY, Answer, fields)


def countries(
    core: Core, *, search: str | None = None, enabled: bool | None = None, limit: int = 100
) -> Search[Answer]:
    """List countries, and which of their lines may be called."""
    return Search(core, f"{_TELEPHONY}/countries", Answer, {"search": search, "enabled": enabled}, limit)


def network_groups(core: Core, country_iso: str) -> Plan[tuple[Answer, ...]]:
    """List the network groups of a country."""
    return asking.items(core, f"{_TELEPHONY}/countries/{part(country_iso)}", Answer)


def set_network_group(core: Core, group_id: str, *, enabled: bool) -> Plan[Answer]:
    """Open or close a network group."""
    return asking.write(core, "PATCH", f"{_TELEPHONY}/network-groups/{part(group_id)}", Answer, {"enabled": enabled})


def country_rules(core: Core) -> Plan[tuple[Answer, ...]]:
    """List how numbers of each country look."""
    return asking.items(core, "/phone-country-rules/countries", Answer)


def enabled_network_groups(core: Core) -> Plan[tuple[Answer, ...]]:
    """List the prefixes that may be called."""
    return asking.items(core, "/phone-country-rules/enabled-network-groups", Answer)


def kyc(core: Core) -> Plan[Answer]:
    """Return how far the workspace's verification is."""
    return asking.get(core, "/kyc", Answer)


def submit_kyc(core: Core, **fields: object) -> Plan[Answer]:
    """Hand in what verification asks for."""
    return asking.write(core, "POST", "/kyc", Answer, fields)


def audit_log(
    core: Core,
    *,
    actor_id: str | None = None,
    action: str | None = None,
    target: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int = 100,
) -> Search[AuditEntry]:
    """List who changed what, newest first."""
    query = {"actor_id": actor_id, "action": action, "target": target, "since": since, "until": until}
    return Search(core, "/audit-log", AuditEntry, query, limit)


def retention(core: Core) -> Plan[Answer]:
    """Return how many days things are kept."""
    return asking.get(core, "/workspace/retention", Answer)


def set_retention(core: Core, **days: object) -> Plan[Answer]:
    """Set how many days things are kept, such as ``recordings_days=90``."""
    return asking.write(core, "PATCH", "/workspace/retention", Answer, days)
