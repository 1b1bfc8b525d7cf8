"""Phone numbers: what the workspace calls from, and who answers."""

from __future__ import annotations

from dialnexa_client.decoding import reader
from dialnexa_client.exchange import Core, Plan, Request, part
from dialnexa_client.models.records import Answer, SipTrunk
from dialnexa_client.models.workspace import Deleted, PhoneNumber
from dialnexa_client.operations import asking
from dialnexa_client.paging import Search

_PATH = "/organization-phone-numbers"


def search(
    core: Core, *, country_code: str | None = None, type: str | None = None, limit: int = 100
) -> Search[PhoneNumber]:
    """List the workspace's numbers. ``country_code`` is ISO 3166, ``type`` is local, toll_free or mobile."""
    return Search(core, _PATH, PhoneNumber, {"country_code": country_code, "type": type}, limit)


def get(core: Core, number_id: str) -> Plan[PhoneNumber]:
    """Return one number."""
    return core.ask(Request("GET", f"{_PATH}/{part(number_id)}", reader(PhoneNumber)))


def update(core: Core, number_id: str, **fields: object) -> Plan[PhoneNumber]:
    """Change a number: ``agent_id``, ``inbound_agent_version_id``, ``outbound_agent_version_id``, ``label``…

    ``None`` detaches an agent. Assignments count from the next call on.
    """
    return core.ask(Request("PATCH", f"{_PATH}/{part(number_id)}", reader(PhoneNumber), body=fields))


def add_sip_trunk(
    core: Core,
    *,
    phone_number: str,
    termination_uri: str,
    username: str | None = None,
    password: str | None = None,
    nickname: str | None = None,
    idempotency_key: str | None = None,
    **settings: object,
) -> Plan[PhoneNumber]:
    """Add a number that calls and is called through your own SIP trunk.

    ``termination_uri`` is ``host[:port]``. Without ``username`` and ``password`` the trunk knows you by your address.
    ``settings`` are the carrier's habits, such as ``transport="tcp"`` or ``registration="outbound"``.
    """
    body = {
        "phoneNumber": phone_number,
        "terminationUri": termination_uri,
        "authMode": "ip" if username is None else "userpass",
        "sipTrunkUserName": username,
        "sipTrunkPassword": password,
        "nickname": nickname,
        **settings,
    }
    sent = {name: value for name, value in body.items() if value is not None}
    request = Request("POST", f"{_PATH}/sip-trunks", reader(PhoneNumber), body=sent, idempotency_key=idempotency_key)
    return core.ask(request)


def delete(core: Core, number_id: str) -> Plan[Deleted]:
    """Take a number away, and its trunk with the last number on it."""
    return core.ask(Request("DELETE", f"{_PATH}/{part(number_id)}", reader(Deleted)))


def sip_trunks(core: Core, *, limit: int = 100) -> Search[SipTrunk]:
    """List carriers, PBXs and phones."""
    return Search(core, f"{_PATH}/sip-trunks", SipTrunk, {}, limit)


def sip_trunk(core: Core, trunk_id: str) -> Plan[SipTrunk]:
    """Return a trunk, with its registration in ``raw``."""
    return asking.get(core, f"{_PATH}/sip-trunks/{part(trunk_id)}", SipTrunk)


def update_sip_trunk(core: Core, trunk_id: str, **settings: object) -> Plan[SipTrunk]:
    """Change a trunk's settings."""
    return asking.write(core, "PATCH", f"{_PATH}/sip-trunks/{part(trunk_id)}", SipTrunk, settings)


def delete_sip_trunk(core: Core, trunk_id: str) -> Plan[Deleted]:
    """Take a trunk away, with its numbers."""
    return asking.write(core, "DELETE", f"{_PATH}/sip-trunks/{part(trunk_id)}", Deleted)


def add_number(
    core: Core, trunk_id: str, phone_number: str, *, nickname: str | None = None, idempotency_key: str | None = None
) -> Plan[PhoneNumber]:
    """Add a further number to a trunk."""
    body = asking.given(phoneNumber=phone_number, nickname=nickname)
    path = f"{_PATH}/sip-trunks/{part(trunk_id)}/phone-numbers"
    return asking.write(core, "POST", path, PhoneNumber, body, idempotency_key=idempotency_key)


def offers(
    core: Core, country_iso: str, *, type: str | None = None, area_code: str | None = None, limit: int | None = None
) -> Plan[Answer]:
    """Return the numbers one can rent in a country; they are in ``answer["objects"]``."""
    query = {"country_iso": country_iso, "type": type, "area_code": area_code, "limit": limit}
    return asking.get(core, f"{_PATH}/plivo-numbers", Answer, query)


def purchase(
    core: Core, phone_number: str, *, idempotency_key: str | None = None, **fields: object
) -> Plan[PhoneNumber]:
    """Rent a number, which costs money. ``fields``: ``provider``, ``country_iso``, ``nickname``, ``agent_id``."""
    body = {"phone_number": phone_number, **fields}
    return asking.write(core, "POST", f"{_PATH}/purchase", PhoneNumber, body, idempotency_key=idempotency_key)


def pricing(core: Core) -> Plan[tuple[Answer, ...]]:
    """List what a number costs in each country."""
    return asking.items(core, "/phone-number-pricing", Answer)
