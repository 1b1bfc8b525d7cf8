"""What an out-of-dialog request must be like before anybody sees it (RFC 3261 §8.2), as one pure function."""

from __future__ import annotations

from dataclasses import dataclass

from dialnexa.live.sip.dialogs.session_timer import SHORTEST_S, too_brief
from dialnexa.live.sip.messages.fields import FieldError, Uri
from dialnexa.live.sip.messages.message import Request
from dialnexa.live.sip.stack import ACCEPT, ALLOW, EXTENSIONS, METHODS

_KNOWN_ELSEWHERE = frozenset({"REGISTER", "SUBSCRIBE", "NOTIFY", "PUBLISH", "MESSAGE", "REFER"})


@dataclass(frozen=True, slots=True)
class Refusal:
    """The answer to a request that goes no further."""

    status: int
    reason: str = ""
    headers: tuple[tuple[str, str], ...] = ()


def screen(request: Request) -> Refusal | None:
    """Return why a request outside any dialog is refused, in the order of §8.2; ``None``: it may pass."""
    return _method(request) or _target(request) or _demands(request) or _content(request)


def _method(request: Request) -> Refusal | None:
    if request.method in _KNOWN_ELSEWHERE:
        return Refusal(405, headers=(ALLOW,))
    if request.method not in METHODS:
        return Refusal(501, headers=(ALLOW,))
    if request.method in ("BYE", "INFO", "UPDATE", "PRACK"):
        return Refusal(481)  # only inside a call
    return None


def _target(request: Request) -> Refusal | None:
    scheme = request.uri.partition(":")[0].lower()
    if scheme not in ("sip", "sips", "tel"):
        return Refusal(416)
    try:
        uri = Uri.parse(request.uri)
    except FieldError as error:
        return Refusal(400, f"Bad Request-URI ({error})"[:100].replace("\r", "").replace("\n", ""))
    if uri.headers:
        return Refusal(400, "Headers In The Request-URI")
    return None


def _demands(request: Request) -> Refusal | None:
    unknown = [tag for tag in request.headers.items_of("Require") if tag not in EXTENSIONS]
    return Refusal(420, headers=(("Unsupported", ", ".join(unknown)),)) if unknown else None


def _content(request: Request) -> Refusal | None:
    if request.method != "INVITE":
        return None
    if too_brief(request):
        return Refusal(422, headers=(("Min-SE", str(SHORTEST_S)),))
    if request.body and request.content_type != "application/sdp":
        return Refusal(415, headers=(ACCEPT,))
    if request.body and request.headers.first("Content-Encoding").lower() not in ("", "identity"):
        return Refusal(415, headers=(ACCEPT, ("Accept-Encoding", "identity")))
    accepted = [item.partition(";")[0].strip().lower() for item in request.headers.items_of("Accept")]
    if "Accept" in request.headers and not {"application/sdp", "application/*", "*/*"} & set(accepted):
        return Refusal(406)
    return None
