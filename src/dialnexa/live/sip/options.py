"""OPTIONS outside any call (RFC 3261 §11): whether a peer lives, and what it can do."""

from __future__ import annotations

import asyncio

from dialnexa.live.sip.messages.message import Request, Response
from dialnexa.live.sip.stack import ACCEPT, Stack, new_tag
from dialnexa.live.sip.targets import Destination, Targets
from dialnexa.live.sip.transactions.transaction import Failure


async def ask_options(stack: Stack, targets: Targets, destination: Destination) -> Response:
    """Ask one target after another; return the first final response.

    A 503 counts as an answer when nobody is left to ask. Raises ``TimeoutError`` when the last one says nothing,
    ``ConnectionError`` when it takes no connection.
    """
    while True:
        event = await _ask(stack, targets, destination)
        if targets.pass_over(event):
            continue
        if event is Failure.TRANSPORT:
            raise ConnectionError(f"no connection to {destination}")
        if isinstance(event, Failure):
            raise TimeoutError(f"{destination} does not answer")
        return event


async def _ask(stack: Stack, targets: Targets, destination: Destination) -> Response | Failure:
    outcome: asyncio.Future[Response | Failure] = asyncio.get_running_loop().create_future()

    def on_response(event: Response | Failure) -> None:
        if not outcome.done() and (isinstance(event, Failure) or event.status >= 200):
            outcome.set_result(event)

    targets.ask(_request(stack, destination, targets.current.transport), on_response)
    return await outcome


def _request(stack: Stack, destination: Destination, transport: str) -> Request:
    uri, own_host = destination.uri(""), stack.advertised[0]
    request = Request(method="OPTIONS", uri=uri)
    headers = request.headers
    headers.set("Max-Forwards", "70")
    if destination.routes:
        headers.set("Route", *destination.routes)
    headers.set("From", f"{stack.address_of_record('dialnexa')};tag={new_tag()}")
    headers.set("To", f"<{uri}>")
    headers.set("Call-ID", f"{new_tag()}@{own_host}")
    headers.set("CSeq", "1 OPTIONS")
    headers.set("Contact", stack.contact("dialnexa", transport))
    headers.add(*ACCEPT)
    return request
