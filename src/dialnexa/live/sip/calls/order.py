"""What every request inside a dialog must pass, early or established, before anybody acts upon it."""

from __future__ import annotations

from dialnexa.live.sip.dialogs.dialog import DialogState
from dialnexa.live.sip.stack import EXTENSIONS, Stack
from dialnexa.live.sip.transactions.layer import Exchange


def in_order(stack: Stack, state: DialogState, exchange: Exchange) -> bool:
    """Tell whether a request comes in order and wants nothing we cannot do; one that does not was refused.

    RFC 3261 §12.2.2 and §8.2.2.3.
    """
    request = exchange.request
    unknown = [tag for tag in request.headers.items_of("Require") if tag not in EXTENSIONS]
    if not state.take(request):
        stack.answer(exchange, 500, "CSeq Out Of Order")
    elif unknown:
        stack.answer(exchange, 420, headers=[("Unsupported", ", ".join(unknown))])
    else:
        return True
    return False
