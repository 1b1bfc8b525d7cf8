"""What a SIP final status means for the call: its ending and its end reason (contract B.3.4 and B.3.5)."""

from __future__ import annotations

from dialnexa.live.line import NotConnected
from dialnexa.live.outcome import Ending, EndReason
from dialnexa.live.plan import SipRoute
from dialnexa.live.sip.errors import CallRejected

_MEANING: dict[int, tuple[Ending, EndReason]] = {
    401: (Ending.FAILED, EndReason.ERROR),
    403: (Ending.FAILED, EndReason.DESTINATION_FORBIDDEN),
    404: (Ending.FAILED, EndReason.INVALID_PHONE_NUMBER),
    407: (Ending.FAILED, EndReason.ERROR),
    408: (Ending.NO_ANSWER, EndReason.USER_DID_NOT_PICK_UP),
    410: (Ending.FAILED, EndReason.INVALID_PHONE_NUMBER),
    480: (Ending.NO_ANSWER, EndReason.USER_UNREACHABLE),
    484: (Ending.FAILED, EndReason.INVALID_PHONE_NUMBER),
    486: (Ending.BUSY, EndReason.USER_BUSY),
    487: (Ending.NO_ANSWER, EndReason.USER_DID_NOT_PICK_UP),
    600: (Ending.BUSY, EndReason.USER_BUSY),
    603: (Ending.FAILED, EndReason.USER_DECLINED),
    604: (Ending.FAILED, EndReason.INVALID_PHONE_NUMBER),
    607: (Ending.FAILED, EndReason.USER_DECLINED),
}
_HINTS = {
    401: "The trunk wants credentials, or refuses these. Check sipTrunkUserName and sipTrunkPassword.",
    407: "The trunk wants credentials, or refuses these. Check sipTrunkUserName and sipTrunkPassword.",
    403: "The trunk does not allow this call. Check the caller id and the destinations it may reach.",
    488: "The far end speaks none of our codecs (PCMU, PCMA, G722, opus), or disagrees on encryption: see the trunk's "
    "settings.",
}


def refused(refusal: CallRejected) -> NotConnected:
    """Translate a refusal; statuses without a meaning of their own count as the network's failure."""
    status = refusal.status
    default = EndReason.NETWORK_FAILURE if status >= 500 else EndReason.ERROR
    ending, reason = _MEANING.get(status, (Ending.FAILED, default))
    words = f"The far end answered {status} {refusal.reason}."
    return NotConnected(ending, reason, " ".join(filter(None, (words, refusal.detail, _HINTS.get(status)))), status)


def nobody_picked_up(ring_s: float) -> NotConnected:
    """It rang to the end of the agent's patience."""
    return NotConnected(
        Ending.NO_ANSWER,
        EndReason.USER_DID_NOT_PICK_UP,
        f"Nobody picked up within {ring_s:g} s (ring_duration_sec of the agent).",
    )


def unreachable(route: SipRoute, detail: str = "") -> NotConnected:
    """Not even a provisional answer came; ``detail`` says what was tried."""
    where = f"{route.host}:{route.port}" if route.port else route.host
    words = detail or f"The trunk at {where} does not answer"
    return NotConnected(
        Ending.FAILED,
        EndReason.NETWORK_FAILURE,
        f"{words}. Check its address and the firewall; `dialnexa doctor` probes it.",
    )
