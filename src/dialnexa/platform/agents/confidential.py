"""What of an agent's settings must not be read by others: tokens, passwords, keys, wherever they stand."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import cast

from pydantic import AfterValidator

MASK = "********"
"""What an answer shows in a secret's place; sent back, it means the secret that is stored."""
SEALED = re.compile(r"sealed\((gAAAA[\w=-]+)\)")
"""A secret as it is stored (``sealing``): printable and without spaces, so it fits into headers and URLs."""
PARTS = ("flow", "node_positions", "default_dynamic_variables")
"""Fields of a version, beside its functions, in which secrets may stand: whatever the user wrote there is kept."""

_NAME = (
    r"(?i:token|secret|password|passwd|authorization|cookie|credentials?|api[-_]?key|access[-_]?key|private[-_]?key"
    r"|webhook[-_]?url)"
)
_SECRET = re.compile(rf"(?:|.*[-_]|.*[a-z0-9](?=[A-Z])){_NAME}|(?i:auth)")
_IN_URL = re.compile(rf"([?&](?:[\w-]*[-_]|[\w-]*[a-z0-9](?=[A-Z]))?{_NAME}=)((?:\{{\{{[^{{}}]*\}}\}}|[^&#\s])+)")
_LOGIN_IN_URL = re.compile(r"(https?://)([^/@\s{]+)@", re.IGNORECASE)
_VARIABLES_ONLY = re.compile(r"(?:\w+\s+)?(?:\{\{[^{}]*\}\}\s*)+")
"""Such as ``Bearer {{crm_token}}``: the secret comes with the call."""
_PATHS = "response_variables"
"""Names of what an answer tells, and where it stands there: no secrets, whatever the names."""
_LAYOUT = "node_positions"
"""Some editors send it as JSON in a text."""

Hide = Callable[[str], str | None]
"""Returns what stands in a secret's place; ``None`` leaves the field out."""


def without_secrets(config: Mapping[str, object]) -> tuple[dict[str, object], list[str]]:
    """Return settings without their secrets, and where those were, such as ``agent_functions[0].config.api_token``."""
    found = list[str]()
    return cast("dict[str, object]", _walk(config, "", lambda _: None, found)), found


def with_secrets_hidden(config: Mapping[str, object]) -> dict[str, object]:
    """Return settings with each secret shortened so that two can be told apart, but not used."""
    return with_secrets(config, _hint)


def with_secrets(config: Mapping[str, object], hide: Hide) -> dict[str, object]:
    """Return settings with each secret replaced by what ``hide`` makes of it."""
    return cast("dict[str, object]", _walk(config, "", hide, []))


def masked(settings: Mapping[str, object]) -> dict[str, object]:
    """Return the fields of a version with their secrets masked, for an answer."""
    functions = cast("list[Mapping[str, object]]", settings.get("agent_functions") or [])
    shown = [{**one, "config": masked_config(cast("Mapping[str, object]", one["config"]))} for one in functions]
    parts = masked_config({name: settings[name] for name in PARTS if name in settings})
    return {**settings, "agent_functions": shown, **parts}


def masked_config(config: Mapping[str, object]) -> dict[str, object]:
    """Return settings, such as the ``config`` of a function, with their secrets masked."""
    return with_secrets(config, lambda _: MASK)


def masks_left(config: Mapping[str, object]) -> list[str]:
    """Return where a mask stands in a secret's place, such as ``headers.X-Api-Key``."""
    found = list[str]()
    _walk(config, "", lambda secret: None if secret == MASK else secret, found)
    return found


def unmasked_url(sent: str, stored: str) -> str:
    """Return a URL with each masked query value replaced by the stored one of the same name."""
    known = {match[1][1:]: match[2] for match in _IN_URL.finditer(stored)}

    def value(match: re.Match[str]) -> str:
        return match[1] + (known.get(match[1][1:], MASK) if match[2] == MASK else match[2])

    return _IN_URL.sub(value, sent)


def unpacked(value: object) -> object:
    """Return what JSON in a text says; what is no text, or not of JSON's objects and arrays, as it is."""
    if not isinstance(value, str) or not value.lstrip().startswith(("{", "[")):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def pair_name(fields: Mapping[str, object]) -> str:
    """Return what a pair names, as editors send headers: ``{"key": …, "value": …}``; empty when it is no pair."""
    name = fields.get("key") or fields.get("name")
    return name if isinstance(name, str) and "value" in fields else ""


def at_most(length: int) -> AfterValidator:
    """Return a validator of a text's length in characters that does not count what is sealed in it."""

    def check(text: str) -> str:
        if len(SEALED.sub("", text)) > length:
            raise ValueError(f"must be {length} characters or fewer (received {len(text)})")
        return text

    return AfterValidator(check)


def _hint(secret: str) -> str:
    return f"••••{secret[-4:]}" if len(secret) >= 12 else "••••"


def _walk(value: object, path: str, hide: Hide, found: list[str]) -> object:
    if isinstance(value, Mapping):
        return _fields(cast("Mapping[str, object]", value), path, hide, found)
    if isinstance(value, list):
        listed = cast("list[object]", value)
        return [_walk(one, f"{path}[{index}]", hide, found) for index, one in enumerate(listed)]
    if isinstance(value, str):
        bare = _text(value, hide)
        if bare != value:
            found.append(path)
        return bare
    return value


def _text(text: str, hide: Hide) -> str:
    """Hide what is secret within a text: in URLs, and whatever was sealed."""

    def part(match: re.Match[str]) -> str:
        return match[0] if _VARIABLES_ONLY.fullmatch(match[2]) else f"{match[1]}{hide(match[2]) or ''}"

    def login(match: re.Match[str]) -> str:
        shown = hide(match[2])
        return f"{match[1]}{shown}@" if shown else match[1]

    if "://" in text:
        text = _LOGIN_IN_URL.sub(login, _IN_URL.sub(part, text))
    return SEALED.sub(lambda match: hide(match[0]) or "", text) if "sealed(" in text else text


def _fields(fields: Mapping[str, object], path: str, hide: Hide, found: list[str]) -> dict[str, object]:
    kept, pair = dict[str, object](), pair_name(fields)
    for name, value in fields.items():
        where, called = f"{path}.{name}" if path else name, pair if name == "value" and pair else name
        if isinstance(value, str) and value and _SECRET.fullmatch(called) and not _VARIABLES_ONLY.fullmatch(value):
            shown = hide(value)
            if shown != value:
                found.append(where)
            if shown is not None:
                kept[name] = shown
        elif name == _LAYOUT:
            kept[name] = _layout(value, where, hide, found)
        else:
            kept[name] = value if name == _PATHS else _walk(value, where, hide, found)
    return kept


def _layout(value: object, path: str, hide: Hide, found: list[str]) -> object:
    inside = unpacked(value)
    shown = _walk(inside, path, hide, found)
    if shown == inside:
        return value
    return json.dumps(shown) if isinstance(value, str) else shown
