"""Conditions over slots and variables: ``new_time.day == "" and not vip``.

Parsed once, evaluated by walking; no ``eval``. Grammar: ``or``, ``and``, ``not`` (also ``||``, ``&&``, ``!``),
parentheses, ``== != < <= > >= contains in``, ``exists`` (``order exists``, ``exists order``: it has a value, be it
"no" or 0), numbers, quoted strings, ``true false null`` and dotted names (also in double braces). A name without a
value is an empty text, which is neither less nor more than anything. Two sides compare as numbers when both look like
numbers, else as texts without regard to case.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

Lookup = Callable[[str], str]
Test = Callable[[Lookup], str]

_TOKEN = re.compile(
    r"""\s*(?:(?P<number>-?\d+(?:\.\d+)?)|(?P<text>"[^"]*"|'[^']*')|(?P<name>\{\{\s*[\w.]+\s*\}\}|[A-Za-z_][\w.]*)"""
    r"""|(?P<sign>==|!=|<=|>=|<|>|&&|\|\||!|\(|\)))"""
)
_SIGNS = {"&&": "and", "||": "or", "!": "not"}
_COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">=", "contains", "in"})
_WORDS = frozenset({"and", "or", "contains", "in", "exists"})
"""Words that are no names."""
_CONSTANTS = {"true": "true", "false": "", "null": "", "none": ""}
_LONGEST = 2000
"""Characters: far more than anybody writes, and few enough terms for the stack."""
_DEEPEST = 50
"""Parentheses and negations one inside the other; more is a mistake or an attack on the stack."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A parsed condition."""

    source: str
    names: tuple[str, ...] = ()
    """The variables it looks at, each once."""
    _test: Test = field(repr=False, compare=False, default=lambda _: "")

    def holds(self, lookup: Lookup) -> bool:
        """Evaluate with these values: anything but an empty text, ``0`` and ``false`` is true."""
        return _truth(self._test(lookup))


def parse(source: str) -> Expression:
    """Parse a condition. Raises ``ValueError`` that quotes it and says where it goes wrong."""
    if len(source) > _LONGEST:
        raise ValueError(f"the expression {source[:60]!r} is longer than {_LONGEST} characters")
    parser = _Parser(source)
    test = parser.either()
    parser.end()
    return Expression(source, tuple(dict.fromkeys(parser.names)), test)


def _truth(value: str) -> bool:
    return value.strip().lower() not in {"", "0", "false", "no", "null"}


class _Parser:
    """Recursive descent over the tokens of one expression."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._tokens = self._split(source)
        self._at = 0
        self._depth = 0
        self.names: list[str] = []

    def _split(self, source: str) -> list[tuple[str, str]]:
        tokens: list[tuple[str, str]] = []
        at = 0
        while source[at:].strip():
            found = _TOKEN.match(source, at)
            if found is None or found.lastgroup is None:
                raise ValueError(f"the expression {source!r} has something unreadable at {source[at:].strip()[:10]!r}")
            tokens.append((found.lastgroup, found[found.lastgroup]))
            at = found.end()
        return tokens

    def either(self) -> Test:
        left = self._both()
        while self._take("or"):
            left = _or(left, self._both())
        return left

    def _both(self) -> Test:
        left = self._negation()
        while self._take("and"):
            left = _and(left, self._negation())
        return left

    def _negation(self) -> Test:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise ValueError(f"the expression {self._source[:60]!r} is nested too deeply")
        test = _not(self._negation()) if self._take("not") else self._comparison()
        self._depth -= 1
        return test

    def _comparison(self) -> Test:
        if self._take("exists"):
            return _exists(self._value())
        left = self._value()
        if self._take("exists"):
            return _exists(left)
        if self._peek() in _COMPARISONS:
            sign = self._next()[1]
            return _compare(sign, left, self._value())
        return left

    def _value(self) -> Test:
        if self._take("("):
            inner = self.either()
            if not self._take(")"):
                raise ValueError(f"the expression {self._source!r} lacks a closing parenthesis")
            return inner
        kind, token = self._next()
        if kind in {"number", "text"}:
            return _constant(token.strip("\"'") if kind == "text" else token)
        if kind == "name" and self._word(token) not in _WORDS:
            return (
                _constant(_CONSTANTS[token.lower()]) if token.lower() in _CONSTANTS else self._named(token.strip("{} "))
            )
        raise ValueError(f"the expression {self._source!r} has {token!r} where a value should be")

    def _named(self, name: str) -> Test:
        self.names.append(name)
        return _named(name)

    def end(self) -> None:
        if self._at < len(self._tokens):
            raise ValueError(f"the expression {self._source!r} goes on after its end at {self._tokens[self._at][1]!r}")

    def _word(self, token: str) -> str:
        return _SIGNS.get(token, token.lower())

    def _peek(self) -> str:
        if self._at >= len(self._tokens) or self._tokens[self._at][0] == "text":
            return ""
        return self._word(self._tokens[self._at][1])

    def _take(self, word: str) -> bool:
        if self._peek() != word:
            return False
        self._at += 1
        return True

    def _next(self) -> tuple[str, str]:
        if self._at >= len(self._tokens):
            raise ValueError(f"the expression {self._source!r} ends where a value should be")
        self._at += 1
        kind, token = self._tokens[self._at - 1]
        return kind, token if kind == "text" else (self._word(token) if self._word(token) in _COMPARISONS else token)


def _constant(value: str) -> Test:
    return lambda _: value


def _named(name: str) -> Test:
    return lambda lookup: lookup(name)


def _exists(test: Test) -> Test:
    return lambda lookup: "true" if test(lookup).strip() else ""


def _not(test: Test) -> Test:
    return lambda lookup: "" if _truth(test(lookup)) else "true"


def _and(left: Test, right: Test) -> Test:
    return lambda lookup: "true" if _truth(left(lookup)) and _truth(right(lookup)) else ""


def _or(left: Test, right: Test) -> Test:
    return lambda lookup: "true" if _truth(left(lookup)) or _truth(right(lookup)) else ""


def _compare(sign: str, left: Test, right: Test) -> Test:
    return lambda lookup: "true" if _ordered(sign, left(lookup).strip(), right(lookup).strip()) else ""


def _ordered(sign: str, left: str, right: str) -> bool:
    """Compare two values as numbers where both are, else as lower-case texts."""
    if sign == "contains":
        return bool(right) and right.lower() in left.lower()
    if sign == "in":
        return left.lower() in [part.strip().lower() for part in right.split(",")]
    first, second = _number(left), _number(right)
    if first is not None and second is not None:
        return _holds(sign, (first > second) - (first < second))
    if sign not in {"==", "!="} and not (left and right):
        return False
    low, high = left.lower(), right.lower()
    return _holds(sign, (low > high) - (low < high))


def _holds(sign: str, order: int) -> bool:
    return {"==": order == 0, "!=": order != 0, "<": order < 0, "<=": order <= 0, ">": order > 0, ">=": order >= 0}[
        sign
    ]


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(r"-?\d+(\.\d+)?", text) else None
