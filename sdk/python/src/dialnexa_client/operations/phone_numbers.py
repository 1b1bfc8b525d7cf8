"""Phone numbers: what the workspace calls from, and who answers."""

from __future__ import annotations

from dialnexa_client.decoding import reader
from dialnexa_client.exchange import Core, Plan, Request, part
from dialnexa_client.models.workspace import Deleted, PhoneNumber
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
