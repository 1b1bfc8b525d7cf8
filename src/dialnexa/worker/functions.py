"""Custom functions over HTTP (contract C.5): the request a version describes, through the one guard for such URLs.

One ``HttpFunctions`` serves one call: what an answer tells (``response_variables``) is known to the functions after it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, cast
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

import structlog
from pydantic import ValidationError

from dialnexa.kit import templates
from dialnexa.kit.outgoing import Answer, OutgoingError
from dialnexa.live.conversation.functions import FunctionError
from dialnexa.live.plan import FunctionSpec
from dialnexa.platform.agents.functions import CustomFunction
from dialnexa.platform.wire import sentences
from dialnexa.worker.sending import ANSWER_LIMIT, Sends

log = structlog.get_logger(__name__)

_SHOWN_OF_ERROR = 300
_WITH_BODY: Final = {"POST", "PUT", "PATCH"}
_STEP = re.compile(r"\[(\d+)\]|([^.\[\]]+)")
_MISSING: Final = object()


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


class HttpFunctions:
    """Runs the custom functions of one call."""

    def __init__(self, outgoing: Sends, variables: Mapping[str, str]) -> None:
        """Send through ``outgoing``; ``variables`` are the call's own."""
        self._outgoing = outgoing
        self._variables: dict[str, object] = dict(variables)

    async def run(self, spec: FunctionSpec, arguments: Mapping[str, object]) -> str:
        """Make the request and return what the model shall read: the answer, and the variables it gave.

        Raises ``FunctionError`` with a sentence for the model: refused, unreachable, too late, too long, not 2xx.
        """
        custom = _config(spec)
        request = _request(custom, arguments, self._variables)
        try:
            answer = await self._outgoing.send(
                request.method,
                request.url,
                headers=request.headers,
                body=request.body,
                timeout_s=custom.timeout_ms / 1000,
                answer_limit=ANSWER_LIMIT,
            )
        except OutgoingError as error:
            log.info("custom_function_failed", function=spec.name, reason=str(error))
            raise FunctionError(f"{spec.name} did not work: {_sentence(str(error))}") from error
        text = _text(spec.name, answer)
        return self._learn(custom, text) if custom.response_variables else text

    def know(self, variables: Mapping[str, str]) -> None:
        """Take in what the conversation learned; URLs, headers and query parameters may use it from now on."""
        self._variables |= variables

    def _learn(self, custom: CustomFunction, text: str) -> str:
        """Keep what the answer tells, and say so beside the answer."""
        parsed = _json(text)
        found = {name: _at(parsed, path) for name, path in custom.response_variables.items()}
        told = {name: value for name, value in found.items() if value is not _MISSING and value is not None}
        self._variables |= told
        answer = cast("dict[str, object]", parsed) if isinstance(parsed, dict) else {"answer": parsed or text}
        return json.dumps({**answer, "variables": told}, ensure_ascii=False)


def _config(spec: FunctionSpec) -> CustomFunction:
    try:
        return CustomFunction.model_validate(spec.config)
    except ValidationError as error:
        problems = ", ".join(sentences(error.errors()))
        raise FunctionError(f"{spec.name} is not set up properly: {problems}. Tell the caller, and go on.") from error


# --- the request -----------------------------------------------------------------------------------------------------


def _request(custom: CustomFunction, arguments: Mapping[str, object], variables: Mapping[str, object]) -> _Request:
    """Fill in the variables; arguments go into the body, or into the query where the method has none."""
    has_body = custom.method in _WITH_BODY
    query = {name: templates.render(value, variables).text for name, value in custom.query_parameters.items()}
    if not has_body:
        query |= {name: _as_text(value) for name, value in arguments.items()}
    headers = {"Accept": "application/json, text/*;q=0.9", "User-Agent": "DialNexa"}
    headers |= {"Content-Type": "application/json"} if has_body else {}
    if custom.api_token:
        headers["Authorization"] = f"Bearer {_one_line(templates.render(custom.api_token, variables).text)}"
    for name, value in custom.headers.items():
        given = next((known for known in headers if known.lower() == name.lower()), name)
        headers[given] = _one_line(templates.render(value, variables).text)
    body = json.dumps(dict(arguments)).encode() if has_body else b""
    return _Request(custom.method, _url(custom.url, query, variables), headers, body)


def _url(template: str, query: Mapping[str, str], variables: Mapping[str, object]) -> str:
    """Fill in a URL. A value can never add a path segment, a query or another host: it is percent-encoded whole."""
    quoted = {name: _quoted(value) for name, value in variables.items()}
    parts = urlsplit(templates.render(template, quoted).text)
    return urlunsplit(parts._replace(query="&".join(part for part in (parts.query, urlencode(query)) if part)))


def _quoted(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _quoted(one) for key, one in cast("Mapping[object, object]", value).items()}
    if isinstance(value, list):
        return [_quoted(one) for one in cast("list[object]", value)]
    return quote(_as_text(value), safe="")


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _one_line(text: str) -> str:
    """Return what a header can carry of a text: variables come from anywhere, and a line break starts a new header."""
    return "".join(letter for letter in text if letter.isascii() and letter.isprintable())


# --- the answer ------------------------------------------------------------------------------------------------------


def _text(name: str, answer: Answer) -> str:
    if answer.truncated:
        raise FunctionError(f"{name} answered with more than {ANSWER_LIMIT // 1000} kB, which is too long to use.")
    text = answer.body.decode("utf-8", errors="replace").strip()
    if not 200 <= answer.status < 300:
        said = f": {text[:_SHOWN_OF_ERROR]}" if text and "html" not in answer.headers.get("content-type", "") else "."
        raise FunctionError(f"{name} failed with status {answer.status}{said}")
    return text or '{"ok": true}'


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):  # deeply nested JSON exhausts the decoder's stack
        return None


def _at(value: object, path: str) -> object:
    """Return what lies at a path such as ``$.data.items[0].name``; ``_MISSING`` when nothing does."""
    for index, key in _STEP.findall(path.removeprefix("$")):
        if isinstance(value, dict):
            value = cast("dict[str, object]", value).get(index or key, _MISSING)
        elif isinstance(value, list) and (index or key).isdecimal():
            items = cast("list[object]", value)
            value = items[int(index or key)] if int(index or key) < len(items) else _MISSING
        else:
            return _MISSING
    return value


def _sentence(reason: str) -> str:
    """Make a sentence of the guard's phrases, which begin with a verb when they judge a URL."""
    return f"its URL {reason}." if reason.startswith("must ") else reason
