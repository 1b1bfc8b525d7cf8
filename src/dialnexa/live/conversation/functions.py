"""What the model may do besides talking: end the call, hand it on, press keys, call a custom function."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from dialnexa.live.conversation.arguments import BadArguments, read
from dialnexa.live.plan import FunctionSpec
from dialnexa.live.speech.ports import Tool, ToolCall
from dialnexa.live.timeline import DigitsPressed, Happening, TextMessage, TextMessageSkipped, Trouble

_log = structlog.get_logger(__name__)

_TIMEOUT_MS = 10_000
_LONGEST_MS = 120_000
_TRANSFER_MS = 24 * 3600 * 1000
_KEYS = frozenset("0123456789*#ABCD")

_PRESS_DIGITS = FunctionSpec(
    "press_digits",
    "press_digits",
    "Press keys on the telephone keypad, to choose from a menu or to enter a number.",
    {
        "type": "object",
        "properties": {"digits": {"type": "string", "description": "The keys to press: 0-9, * and #."}},
        "required": ["digits"],
    },
)
_OUTSIDE = frozenset({"custom", "check_calendar_availability", "book_calendar", "integration"})
"""Kinds that a runner carries out."""
_NO_PARAMETERS: Mapping[str, object] = {"type": "object", "properties": {}}
_MESSAGE: Mapping[str, object] = {
    "type": "object",
    "properties": {"text": {"type": "string", "description": "The text message to send to the person."}},
    "required": ["text"],
}


class FunctionError(Exception):
    """A function failed; the message is what the model is told."""


class FunctionRunner(Protocol):
    """Runs the functions that reach out of the call (contract C.5): ``custom`` over HTTP, ``sms`` over a carrier."""

    async def run(self, spec: FunctionSpec, arguments: Mapping[str, object]) -> str:
        """Return what the model shall read of the answer. Raises ``FunctionError``; may be cancelled at any time."""
        ...

    def know(self, variables: Mapping[str, str]) -> None:
        """Take in what the conversation learned, for the functions that are run from now on."""
        ...


@dataclass(frozen=True, slots=True)
class FunctionResult:
    """What came of a call."""

    text: str
    """What the model is told."""
    ok: bool
    ends_call: bool = False
    transferred: bool = False
    """The call ends because somebody else has the caller now."""


class Functions:
    """The functions of one call, by name."""

    def __init__(
        self,
        specs: Sequence[FunctionSpec],
        *,
        press: Callable[[str], None],
        emit: Callable[[Happening], None],
        runner: FunctionRunner | None = None,
        transfer: Callable[[Mapping[str, object]], Awaitable[str]] | None = None,
        web: bool = False,
    ) -> None:
        """``transfer`` hands the caller on as a configuration says; it raises ``FunctionError`` when nobody took it.

        ``web``: the person is at a browser, where no text message reaches them.
        """
        self._specs: dict[str, FunctionSpec] = {}
        for spec in specs:
            if spec.name in self._specs:
                emit(Trouble("functions", f"Two functions are called {spec.name}; the first one counts."))
            else:
                self._specs[spec.name] = spec
        self._press = press
        self._emit = emit
        self._runner = runner
        self._transfer = transfer
        self._web = web

    @property
    def tools(self) -> tuple[Tool, ...]:
        """What the model is offered."""
        return tuple(
            Tool(spec.name, spec.description, spec.parameters or (_MESSAGE if spec.kind == "sms" else _NO_PARAMETERS))
            for spec in self._specs.values()
            if spec.offered
        )

    def know(self, variables: Mapping[str, str]) -> None:
        """Let what a flow collected be used where functions are described with ``{{variables}}``."""
        if self._runner is not None:
            self._runner.know(variables)

    def offer_keypad(self) -> None:
        """Let the model press keys from now on, whether or not the agent has a function for it."""
        if not any(spec.kind == "press_digits" for spec in self._specs.values()):
            self._specs[_PRESS_DIGITS.name] = _PRESS_DIGITS

    def limit_ms(self, name: str) -> int:
        """Return how long the function may take; 10 s when its configuration says nothing, 120 s at most.

        A transfer has limits of its own, and once it is bridged it lasts as long as people talk.
        """
        if self._kind(name) == "call_transfer":
            return _TRANSFER_MS
        value = self._config(name, "timeout_ms")
        return min(round(value), _LONGEST_MS) if isinstance(value, int | float) and value > 0 else _TIMEOUT_MS

    def holding_message(self, name: str) -> str:
        """Return what to say when the function takes noticeably long; empty for the usual phrase."""
        message = self._config(name, "holding_message")
        return message if isinstance(message, str) else ""

    def silent(self, name: str) -> bool:
        """Tell whether nothing may be said while it runs (``speak_during_execution: false``)."""
        return self._config(name, "speak_during_execution") is False

    def speaks_after(self, name: str) -> bool:
        """Tell whether the model goes on speaking once it has the result (``speak_after_execution``)."""
        return self._config(name, "speak_after_execution") is not False

    def ends_call(self, name: str) -> bool:
        """Tell whether this function hangs up."""
        return self._kind(name) == "end_call"

    def announced(self, name: str) -> bool:
        """Tell whether its holding message is said first and to its end, not just when the function takes long."""
        return self._kind(name) == "call_transfer"

    def _kind(self, name: str) -> str:
        return self._specs[name].kind if name in self._specs else ""

    def _config(self, name: str, key: str) -> object:
        return self._specs[name].config.get(key) if name in self._specs else None

    async def call(self, call: ToolCall) -> FunctionResult:
        """Carry out what the model asked for; failures come back as results that tell the model."""
        spec = self._specs.get(call.name)
        if spec is None:
            return _failed(f"There is no function {call.name}.")
        try:
            return await self._run(spec, read(spec.name, call.arguments, spec.parameters))
        except (FunctionError, BadArguments) as error:
            _log.info("function failed", function=spec.name, reason=str(error))
            return _failed(str(error))
        except Exception as error:  # noqa: BLE001
            # The runner is a plug-in: its bug must not take the call down with it.
            _log.exception("function broke", function=spec.name)
            return _failed(f"The function {spec.name} broke: {type(error).__name__}.")

    async def _run(self, spec: FunctionSpec, arguments: Mapping[str, object]) -> FunctionResult:
        if spec.kind == "end_call":
            return FunctionResult("The call ends.", ok=True, ends_call=True)
        if spec.kind == "press_digits":
            return self._press_digits(arguments)
        if spec.kind == "call_transfer" and self._transfer is not None:
            return FunctionResult(await self._transfer(spec.config), ok=True, ends_call=True, transferred=True)
        if spec.kind == "sms":
            return await self._text(spec, arguments)
        if spec.kind in _OUTSIDE and self._runner is not None:
            return FunctionResult(await self._runner.run(spec, arguments), ok=True)
        self._emit(Trouble("functions", f"{spec.name}: functions of type {spec.kind} are not available on this call."))
        raise FunctionError(f"The function {spec.name} is not available on this call. Tell the caller, and go on.")

    async def _text(self, spec: FunctionSpec, arguments: Mapping[str, object]) -> FunctionResult:
        """Send a text message: to the person on the line, unless the function or the call names somebody else."""
        text = str(arguments.get("text") or spec.config.get("text") or "").strip()
        to = str(arguments.get("to") or spec.config.get("to") or "")
        if not text:
            raise FunctionError(f"{spec.name} has no text to send. Give it as the argument text.")
        if self._web:
            self._emit(TextMessageSkipped(text))
            return FunctionResult(
                '{"ok": true, "skipped": "This is a web call; nobody has a number to text to."}', ok=True
            )
        try:
            if self._runner is None:
                raise FunctionError("Text messages cannot be sent on this call.")
            result = await self._runner.run(spec, {"to": to, "text": text})
        except FunctionError as error:
            self._emit(TextMessage(to, text, sent=False, detail=str(error)))
            raise
        self._emit(TextMessage(to, text, sent=True))
        return FunctionResult(result, ok=True)

    def _press_digits(self, arguments: Mapping[str, object]) -> FunctionResult:
        digits = str(arguments.get("digits", "")).replace(" ", "").replace("-", "").upper()
        if not digits or not _KEYS.issuperset(digits):
            raise FunctionError(f"{digits!r} cannot be pressed. Use the keys 0-9, * and #.")
        self._press(digits)
        self._emit(DigitsPressed("agent", digits))
        return FunctionResult(f"Pressed {digits}.", ok=True)


def _failed(reason: str) -> FunctionResult:
    """Say it as JSON with an ``error``, which guided engines and models both understand as a failure."""
    return FunctionResult(json.dumps({"error": reason}), ok=False)
