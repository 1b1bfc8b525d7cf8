"""The scopes of restricted keys: one resource each, to read or to write.

Every route names the scope it needs; what a key lacks is named in the 403 it gets.
"""

from __future__ import annotations

RESOURCES = {
    "agents": "Agents, their versions, and the catalogues of voices, languages and models.",
    "alerts": "Alerts: what is watched, and how it stands.",
    "api-keys": "API keys. Whoever may write them can make keys that do as much as their own.",
    "audit-log": "Who changed what.",
    "calendars": "Calendars and the appointments in them.",
    "calls": "Calls, call logs, recordings and SIP ladders; to write them is to place and end calls.",
    "events": "The stream of events.",
    "knowledge": "Knowledge bases, their documents, and what they answer.",
    "kyc": "What the workspace told about itself to be verified.",
    "prices": "What calls cost: the price lists of the workspace; costs themselves are read with `calls:read`.",
    "numbers": "Phone numbers, SIP trunks, what numbers cost; to write them is to buy and give up numbers.",
    "webhooks": "Webhooks, their deliveries and replays.",
    "workspace": "The workspace: name, limits, where it may call, its wallet.",
}
_VERBS = {"read": "Look", "write": "Change", "*": "Both"}


def is_known(scope: str) -> bool:
    """Tell whether a scope, such as ``calls:read`` or ``numbers:*``, opens anything."""
    resource, _, verb = scope.partition(":")
    return resource in RESOURCES and verb in _VERBS


def every() -> list[tuple[str, str]]:
    """Return each scope with what it is for."""
    return [(f"{name}:{verb}", f"{word}: {what}") for name, what in RESOURCES.items() for verb, word in _VERBS.items()]


def includes(held: frozenset[str], scope: str) -> bool:
    """Tell whether a key that holds these scopes may do what ``scope`` says; ``x:*`` holds all of ``x``."""
    return scope in held or f"{scope.partition(':')[0]}:*" in held
