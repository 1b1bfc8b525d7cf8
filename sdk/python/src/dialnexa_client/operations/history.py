"""Call logs, refused calls and SIP ladders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dialnexa_client.exchange import Core, Plan, Query, part
from dialnexa_client.models.calls import Call
from dialnexa_client.models.records import Answer, CallLog
from dialnexa_client.operations import asking
from dialnexa_client.paging import Search


def logs(core: Core, *, limit: int = 100, **filters: str | int | float | None) -> Search[CallLog]:
    """List call logs, newest first; the filters are those of ``calls.list``, with durations in seconds."""
    query: Query = {("from" if name == "from_" else name): value for name, value in filters.items()}
    return Search(core, "/call-logs", CallLog, query, limit)


def log(core: Core, log_id: str) -> Plan[CallLog]:
    """Return a call log, by its own id or its call's."""
    return asking.get(core, f"/call-logs/{part(log_id)}", CallLog)


def log_details(core: Core, log_id: str) -> Plan[CallLog]:
    """Return a call log with transcript and timeline in ``raw``."""
    return asking.get(core, f"/call-logs/{part(log_id)}/details", CallLog)


def refused(core: Core, *, limit: int = 100) -> Search[Answer]:
    """List calls that were not let in, and why."""
    return Search(core, "/refused-calls", Answer, {}, limit)


def refused_ladder(core: Core, refused_id: str) -> Plan[Answer]:
    """Return the SIP messages of a call that was not let in."""
    return asking.get(core, f"/refused-calls/{part(refused_id)}/ladder", Answer)


def ladder(core: Core, call_id: str) -> Plan[Answer]:
    """Return the SIP messages of a call: ``answer["verdict"]`` says in a sentence how it went."""
    return asking.get(core, f"/calls/{part(call_id)}/ladder", Answer)


def ladder_text(core: Core, call_id: str) -> Plan[str]:
    """Return the SIP messages of a call as a drawing for people."""
    return asking.text(core, f"/calls/{part(call_id)}/ladder", {"format": "text"})


def waterfall(core: Core, call_id: str) -> Plan[Answer]:
    """Return where the time of each of the agent's turns went, and the usual and the worst of all."""
    return asking.get(core, f"/calls/{part(call_id)}/waterfall", Answer)


def retries(core: Core, call_id: str) -> Plan[Answer]:
    """Return the attempts a call belongs to."""
    return asking.get(core, f"/calls/{part(call_id)}/retries", Answer)


def transfer(core: Core, call_id: str) -> Plan[Answer]:
    """Return how a call was handed on."""
    return asking.get(core, f"/calls/{part(call_id)}/transfer", Answer)


def analyze(
    core: Core,
    call_id: str,
    *,
    fields: Sequence[Mapping[str, object]] | None = None,
    llm_id: str | None = None,
) -> Plan[Answer]:
    """Have an ended call analysed again, with other fields or another model; return the run that is on its way."""
    wanted: dict[str, object] = {} if fields is None else {"fields": [dict(field) for field in fields]}
    body = wanted if llm_id is None else {**wanted, "llm_id": llm_id}
    return asking.write(core, "POST", f"/calls/{part(call_id)}/analyze", Answer, body)


def redact(core: Core, call_id: str) -> Plan[Call]:
    """Remove, for good, all that was said in an ended call. Raises ``Conflict`` while it goes on."""
    return asking.write(core, "POST", f"/calls/{part(call_id)}/redact", Call)


def costs(
    core: Core, *, start_date: str | None = None, end_date: str | None = None, group_by: str | None = None
) -> Plan[Answer]:
    """Return what calls cost, by component and by group."""
    query = {"start_date": start_date, "end_date": end_date, "group_by": group_by}
    return asking.get(core, "/calls/costs", Answer, query)


def prices(core: Core) -> Plan[Answer]:
    """Return the price list that costs are worked out with."""
    return asking.get(core, "/prices", Answer)


def set_prices(core: Core, rates: Sequence[Mapping[str, object]], **fields: object) -> Plan[Answer]:
    """Replace the price list; ``fields``: ``currency``, ``valid_from``."""
    return asking.write(core, "PUT", "/prices", Answer, {"rates": list(rates), **fields})
