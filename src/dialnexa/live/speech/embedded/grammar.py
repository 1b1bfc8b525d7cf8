"""From what the agent expects to hear to the grammar the recogniser listens with (JSGF, W3C note of June 2000)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from dialnexa.live.speech.embedded import vocabulary
from dialnexa.live.speech.embedded.normalise import spoken_text
from dialnexa.live.speech.ports import Expectation, ExpectationKind

_RARE = 0.05
"""Weight of what people say beside the answer: courtesies around it, generic answers instead of it."""
_FIGURES = frozenset({"digits", "number", "phone"})
_BARE = frozenset({"yes_no", "name"})
"""Kinds whose rules bring their own openings."""
_OPEN_ENDED = frozenset({"digits", "number"})
"""Nobody can tell from the words whether these answers are complete: one more figure may follow."""
_PHONE_DIGITS = 10
_ALWAYS_COMPLETE = frozenset((*vocabulary.GENERIC, *vocabulary.VOICEMAIL))


@dataclass(frozen=True, slots=True)
class Grammar:
    """A grammar for one question, and every word in it."""

    kind: ExpectationKind
    jsgf: str
    words: tuple[str, ...]
    key: str
    """Equal for equal grammars."""


@lru_cache(maxsize=512)
def grammar_for(expectation: Expectation, keyterms: tuple[str, ...] = ()) -> Grammar | None:
    """Return the grammar of a question; ``None`` when any text may be the answer and dictation must do."""
    if expectation.kind == "free_text" and not expectation.phrases:
        return None
    rules = dict(vocabulary.RULES)
    names = _phrases((*expectation.words, *keyterms))
    rules["person"] = _any(["<first_name> [<last_name>]", "<last_name>", *names])
    rules["phrase"] = _any(_phrases(expectation.phrases))
    rules["generic"] = _any(_generic(expectation.kind))
    rules["keyterm"] = _any(names)
    body = _body(_root(expectation, has_names=bool(names)), rules)
    words = tuple(sorted(set(re.findall(r"[a-z][a-z']*", re.sub(r"<\w+>|^public", "", body, flags=re.MULTILINE)))))
    jsgf = f"#JSGF V1.0;\ngrammar answer;\n{body}"
    return Grammar(expectation.kind, jsgf, words, hashlib.sha256(jsgf.encode()).hexdigest())


def is_complete(kind: ExpectationKind, text: str) -> bool:
    """Return whether an understood answer leaves nothing to wait for."""
    if text in _ALWAYS_COMPLETE:
        return True
    if kind == "phone":
        more = {"hundred": 2, **{word: times - 1 for word, times in vocabulary.REPEATS.items()}}
        return sum(more.get(word, 1 if word in vocabulary.DIGITS else 0) for word in text.split()) >= _PHONE_DIGITS
    return kind not in _OPEN_ENDED


def plain(text: str) -> str:
    """Write a phrase as the recogniser does: lower case, figures in words, letters and apostrophes only.

    A capital run such as ``PM`` is spelled, as the dictionary has no such words.
    """
    spelled = re.sub(r"\b[A-Z]{2,3}\b", lambda match: " ".join(match.group()), spoken_text(text))
    return " ".join(re.findall(r"[a-z][a-z']*", spelled.lower().replace("’", "'")))


def _phrases(texts: Iterable[str]) -> list[str]:
    """Return each phrase once, as the recogniser writes it; empty ones are left out."""
    return list(dict.fromkeys(phrase for text in texts if (phrase := plain(text))))


def _generic(kind: ExpectationKind) -> tuple[str, ...]:
    """Return what is understood beside the answer."""
    return vocabulary.GENERIC if kind in _FIGURES | {"yes_no"} else (*vocabulary.GENERIC, *vocabulary.SIDE_ANSWERS)


def _root(expectation: Expectation, *, has_names: bool) -> str:
    """Write the top rule."""
    kind = expectation.kind
    answer = vocabulary.ROOTS.get(kind, "<phrase>")
    alternatives = [answer] if kind != "choice" or expectation.phrases else []
    if expectation.phrases and kind not in {"choice", "free_text"}:
        alternatives.append("<phrase>")
    lead = "" if kind in _BARE else f"(/{1 - _RARE}/ <NULL> | /{_RARE}/ <lead>) "
    tail = f" (/{1 - _RARE}/ <NULL> | /{_RARE}/ <tail>)"
    others = ["<generic>"]
    if kind == "choice":
        others.append("<voicemail>")
    if has_names and kind != "name":
        others.append("<keyterm>")
    weighted = [f"/{_RARE}/ {other}" for other in others]
    if alternatives:
        weighted.insert(0, f"/1.0/ {lead}({_any(alternatives)}){tail}")
    return _any(weighted)


def _any(alternatives: Iterable[str]) -> str:
    """Write alternatives; ``<VOID>`` matches nothing when there are none."""
    return " | ".join(alternatives) or "<VOID>"


def _body(root: str, rules: dict[str, str]) -> str:
    """Write the top rule and the rules it needs."""
    needed: dict[str, str] = {}
    waiting = _references(root)
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed[name] = rules[name]
            waiting += _references(rules[name])
    lines = [f"public <root> = {root};", *(f"<{name}> = {rule};" for name, rule in sorted(needed.items()))]
    return "\n".join(lines) + "\n"


def _references(rule: str) -> list[str]:
    """Return the names of the rules that a rule refers to."""
    return [name for name in re.findall(r"<(\w+)>", rule) if name not in {"NULL", "VOID"}]
