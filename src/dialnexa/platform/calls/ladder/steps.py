"""What the messages of a ladder mean, read from their texts: one step each, and a verdict on the whole."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from dialnexa.platform.calls.records import Ladder, SipMessage

_COMPACT = {"i": "call-id", "c": "content-type", "f": "from", "t": "to", "m": "contact"}
_STATIC = {"0": "PCMU", "3": "GSM", "4": "G723", "8": "PCMA", "9": "G722", "13": "CN", "18": "G729"}
"""Payload types that need no rtpmap (RFC 3551 §6)."""
_RTPMAP = re.compile(r"^a=rtpmap:(\d+) ([^/\s]+)", re.MULTILINE)
_AUDIO = re.compile(r"^m=audio (\d+) (\S+) ([\d ]+)", re.MULTILINE)
_DIRECTION = re.compile(r"^a=(sendonly|recvonly|inactive)\b", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Step:
    """One message, understood as far as a reader needs it."""

    message: SipMessage
    ms: int
    """Since the first message."""
    summary: str
    """Such as ``INVITE with offer PCMU, PCMA`` or ``486 Busy Here``."""


@dataclass(frozen=True, slots=True)
class _Head:
    """Start line and headers of a message; the first value of each name."""

    start: str
    headers: Mapping[str, str]
    body: str

    @classmethod
    def of(cls, text: str) -> _Head:
        head, _, body = text.replace("\r\n", "\n").partition("\n\n")
        start, *lines = head.split("\n")
        headers: dict[str, str] = {}
        for line in lines:
            name, _, value = line.partition(":")
            name = name.strip().lower()
            headers.setdefault(_COMPACT.get(name, name), value.strip())
        return cls(start.strip(), headers, body)

    @property
    def status(self) -> int:
        """The status of a response; 0 for a request."""
        words = self.start.split(" ")
        return int(words[1]) if words[0].upper().startswith("SIP/") and words[1:2] and words[1].isdecimal() else 0

    @property
    def method(self) -> str:
        """The method of a request, or of the request that a response answers."""
        named = self.headers.get("cseq", "").split()[-1:] if self.status else self.start.split(" ")[:1]
        return named[0] if named else ""

    @property
    def exchange(self) -> tuple[str, str]:
        """What a request and its responses, and the ACK, have in common."""
        return self.headers.get("call-id", ""), self.headers.get("cseq", "").split(" ")[0]


@dataclass(slots=True)
class _Talk:
    """Who offered: an SDP after the first of its exchange is the answer (RFC 3264)."""

    offered: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])

    def word(self, head: _Head, *, repeated: bool) -> str:
        """Return what the SDP of a message is."""
        key = head.exchange
        known = key in self.offered
        self.offered.add(key)
        if known and not (repeated and not head.status):
            return "answer"
        return "offer"


def steps(ladder: Ladder) -> list[Step]:
    """Return the messages of a ladder with what they mean, in order."""
    talk = _Talk()
    begun = ladder.messages[0].at if ladder.messages else None
    return [
        Step(one, round((one.at - begun).total_seconds() * 1000), _summary(one, talk))
        for one in ladder.messages
        if begun is not None
    ]


def _summary(message: SipMessage, talk: _Talk) -> str:
    head = _Head.of(message.text)
    if head.status:
        words = head.start.split(" ", 1)[1]
        if head.method != "INVITE":
            words = f"{words} ({head.method})"
    else:
        words = head.method
    return f"{words}{_told(head)}{_media(head, talk, repeated=message.repeated)}"


def _told(head: _Head) -> str:
    """Return the header that explains a message, if it has one."""
    headers = head.headers
    if head.method == "REFER" and not head.status and "refer-to" in headers:
        return f" to {headers['refer-to'][:80]}"
    if 300 <= head.status < 400 and "contact" in headers:
        return f" to {headers['contact'][:80]}"
    reason = headers.get("reason") or (headers.get("warning") if head.status >= 300 else None)
    if reason:
        return f" ({reason[:80]})"
    if head.status >= 400 and "retry-after" in headers:
        return f" (retry after {headers['retry-after'][:20]} s)"
    return " with a login" if {"authorization", "proxy-authorization"} & headers.keys() and not head.status else ""


def _media(head: _Head, talk: _Talk, *, repeated: bool) -> str:
    audio = _AUDIO.search(head.body) if "sdp" in head.headers.get("content-type", "").lower() else None
    if audio is None:
        return ""
    word = talk.word(head, repeated=repeated)
    names = dict(_RTPMAP.findall(head.body))
    codecs = [names.get(number) or _STATIC.get(number, number) for number in audio[3].split()]
    spoken = ", ".join(dict.fromkeys(codec for codec in codecs if codec.lower() != "telephone-event"))
    marks = ["encrypted"] if "SAVP" in audio[2] else []
    if audio[1] == "0":
        marks.append("audio refused")
    if direction := _DIRECTION.search(head.body):
        marks.append(direction[1] if direction[1] == "recvonly" else f"hold: {direction[1]}")
    return f" with {word} {spoken}" + (f" ({', '.join(marks)})" if marks else "")


# --- the whole --------------------------------------------------------------------------------------------------------


def verdict(ladder: Ladder) -> str:
    """Return a sentence on how the signalling ended, for who wants to know it at one glance."""
    heads = _of_first_leg([(one, _Head.of(one.text)) for one in ladder.messages])
    invites = [(one, head) for one, head in heads if head.method == "INVITE" and not head.status]
    answers = [(one, head) for one, head in heads if head.method == "INVITE" and head.status]
    if not invites:
        return "No INVITE was seen."
    asked = invites[0][0]
    if not answers:
        return _unanswered(asked, sum(1 for one, _ in invites if one.way == asked.way))
    final = next((pair for pair in reversed(_until_answered(answers)) if pair[1].status >= 200), None)
    if final is None:
        return _given_up(heads, answers[-1][1])
    one, head = final
    if head.status >= 300:
        who = "The far end" if one.way == "in" else "We"
        return f"{who} refused the call: {head.start.split(' ', 1)[1]}{_told(head)}."
    if not any(after.method == "ACK" for _, after in heads):
        return f"The call was answered, but never acknowledged (no ACK from {_side(asked)})."
    return _goodbye(heads)


def _of_first_leg(heads: Sequence[tuple[SipMessage, _Head]]) -> Sequence[tuple[SipMessage, _Head]]:
    """Leave out further legs (transfers): the call ended as its first one did."""
    call_id = next((head.exchange[0] for _, head in heads if head.method == "INVITE" and not head.status), None)
    return [pair for pair in heads if pair[1].exchange[0] == call_id]


def _until_answered(answers: Sequence[tuple[SipMessage, _Head]]) -> Sequence[tuple[SipMessage, _Head]]:
    """Leave out the answers to re-INVITEs: those come after the call was answered."""
    answered = next((index for index, (_, head) in enumerate(answers) if 200 <= head.status < 300), len(answers))
    return answers[: answered + 1]


def _unanswered(asked: SipMessage, times: int) -> str:
    if asked.way == "in":
        return "The call came in, and nothing was answered."
    often = f", sent {times} times" if times > 1 else ""
    return f"No answer at all to the INVITE{often}: nothing listens at {asked.peer}, or a firewall drops what it says."


def _given_up(heads: Sequence[tuple[SipMessage, _Head]], last: _Head) -> str:
    cancelled = next((one for one, head in heads if head.method == "CANCEL" and not head.status), None)
    reached = last.start.split(" ", 1)[1]
    if cancelled is None:
        return f"The call got no further than {reached}."
    who = "We" if cancelled.way == "out" else "The far end"
    return f"{who} gave up (CANCEL) before there was an answer; the call got as far as {reached}."


def _goodbye(heads: Sequence[tuple[SipMessage, _Head]]) -> str:
    bye = next(((one, head) for one, head in heads if head.method == "BYE" and not head.status), None)
    if bye is None:
        return "The call was answered; no BYE was seen."
    who = "we" if bye[0].way == "out" else "the far end"
    words = f"The call was answered, and {who} hung up (BYE){_told(bye[1])}"
    confirmed = any(head.method == "BYE" and head.status for _, head in heads)
    return f"{words}." if confirmed else f"{words}; nobody confirmed it."


def _side(message: SipMessage) -> str:
    return "us" if message.way == "out" else message.peer
