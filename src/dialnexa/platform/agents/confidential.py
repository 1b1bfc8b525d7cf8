"""What of an agent's settings must not leave with them: tokens, passwords, keys, wherever they stand."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import cast

_NAME = r"(?:token|secret|password|passwd|authorization|cookie|credentials?|api[-_]?key|access[-_]?key|private[-_]?key)"
_SECRET = re.compile(rf"(?:^|.*[-_]){_NAME}$|^auth$", re.IGNORECASE)
_IN_URL = re.compile(rf"([?&](?:[\w-]*[-_])?{_NAME}=)[^&#\s]+", re.IGNORECASE)
_LOGIN_IN_URL = re.compile(r"(https?://)[^/@\s{]+@", re.IGNORECASE)
_VARIABLES_ONLY = re.compile(r"(?:\w+\s+)?(?:\{\{[^{}]*\}\}\s*)+")
"""Such as ``Bearer {{crm_token}}``: the secret comes with the call."""

Hide = Callable[[str], str | None]
"""Returns what stands in a secret's place; ``None`` leaves the field out."""


def without_secrets(config: Mapping[str, object]) -> tuple[dict[str, object], list[str]]:
    """Return settings without their secrets, and where those were, such as ``agent_functions[0].config.api_token``."""
    found = list[str]()
    return cast("dict[str, object]", _walk(config, "", lambda _: None, found)), found


def with_secrets_hidden(config: Mapping[str, object]) -> dict[str, object]:
    """Return settings with each secret shortened so that two can be told apart, but not used."""
    return cast("dict[str, object]", _walk(config, "", _hint, []))


def _hint(secret: str) -> str:
    return f"••••{secret[-4:]}" if len(secret) >= 12 else "••••"


def _walk(value: object, path: str, hide: Hide, found: list[str]) -> object:
    if isinstance(value, Mapping):
        return _fields(cast("Mapping[str, object]", value), path, hide, found)
    if isinstance(value, list):
        listed = cast("list[object]", value)
        return [_walk(one, f"{path}[{index}]", hide, found) for index, one in enumerate(listed)]
    if isinstance(value, str):
        bare = _LOGIN_IN_URL.sub(r"\1", _IN_URL.sub(r"\1", value)) if "://" in value else value
        if bare != value:
            found.append(path)
        return bare
    return value


def _fields(fields: Mapping[str, object], path: str, hide: Hide, found: list[str]) -> dict[str, object]:
    kept = dict[str, object]()
    for name, value in fields.items():
        where = f"{path}.{name}" if path else name
        if isinstance(value, str) and value and _SECRET.match(name) and not _VARIABLES_ONLY.fullmatch(value):
            found.append(where)
            if (shown := hide(value)) is not None:
                kept[name] = shown
        else:
            kept[name] = _walk(value, where, hide, found)
    return kept
