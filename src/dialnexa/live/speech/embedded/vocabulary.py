"""The words of guided dialogues: what the recogniser's grammars accept is what the flow engine's parsers read.

Everything is lower case as spoken, numbers in words. ``RULES`` are JSGF expansions that refer to each other by name;
``ROOTS`` says which rule answers which kind of question.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final


def _words(text: str) -> tuple[str, ...]:
    """Split a list of words written as one text."""
    return tuple(text.split())


# --- numbers ---------------------------------------------------------------------------------------------------------

DIGITS: Final[Mapping[str, int]] = {
    "zero": 0, "oh": 0, "one": 1, "two": 2, "three": 3, "four": 4,
    "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
}  # fmt: skip
"""Single digits; ``oh`` is said for zero inside numbers and times."""

TEENS: Final[Mapping[str, int]] = {
    "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15,
    "sixteen": 16, "seventeen": 17, "eighteen": 18, "nineteen": 19,
}  # fmt: skip

TENS: Final[Mapping[str, int]] = {
    "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90,
}  # fmt: skip

REPEATS: Final[Mapping[str, int]] = {"double": 2, "triple": 3}
"""Said before a digit: ``double five`` is five five."""

MULTIPLIERS: Final[Mapping[str, int]] = {"hundred": 100, "thousand": 1000}

# --- dates -----------------------------------------------------------------------------------------------------------

WEEKDAYS: Final[Mapping[str, int]] = {
    "monday": 0, "tuesday": 1, "wednesday": 2, "thursday": 3, "friday": 4, "saturday": 5, "sunday": 6,
}  # fmt: skip
"""Numbered as ``datetime.date.weekday`` does."""

MONTHS: Final[Mapping[str, int]] = {
    "january": 1, "february": 2, "march": 3, "april": 4, "may": 5, "june": 6,
    "july": 7, "august": 8, "september": 9, "october": 10, "november": 11, "december": 12,
}  # fmt: skip

_ORDINAL_UNITS: Final[Mapping[str, int]] = {
    "first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8, "ninth": 9,
}  # fmt: skip

ORDINALS: Final[Mapping[str, int]] = {
    **_ORDINAL_UNITS,
    "tenth": 10, "eleventh": 11, "twelfth": 12, "thirteenth": 13, "fourteenth": 14, "fifteenth": 15,
    "sixteenth": 16, "seventeenth": 17, "eighteenth": 18, "nineteenth": 19, "twentieth": 20,
    **{f"twenty {word}": 20 + value for word, value in _ORDINAL_UNITS.items()},
    "thirtieth": 30, "thirty first": 31,
}  # fmt: skip
"""Days of the month."""

RELATIVE_DAYS: Final[Mapping[str, int]] = {
    "today": 0, "tonight": 0, "tomorrow": 1, "the day after tomorrow": 2, "in a week": 7, "a week from today": 7,
}  # fmt: skip
"""Days from now."""

# --- times -----------------------------------------------------------------------------------------------------------

HOURS: Final[Mapping[str, int]] = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6,
    "seven": 7, "eight": 8, "nine": 9, "ten": 10, "eleven": 11, "twelve": 12,
}  # fmt: skip

TIME_WORDS: Final[Mapping[str, tuple[int, int]]] = {"noon": (12, 0), "midday": (12, 0), "midnight": (0, 0)}
"""Whole times: hour and minute."""

HALVES: Final[Mapping[str, str]] = {
    "a m": "am", "in the morning": "am", "morning": "am",
    "p m": "pm", "in the afternoon": "pm", "in the evening": "pm", "at night": "pm", "afternoon": "pm", "evening": "pm",
}  # fmt: skip
"""What tells the half of the day. ``a m`` and ``p m`` are two words, as the recogniser hears letters."""

DAY_PARTS: Final[Mapping[str, tuple[int, int]]] = {"morning": (9, 0), "afternoon": (14, 0), "evening": (18, 0)}
"""``tuesday morning`` without an hour: when that part of the day is taken to start."""

# --- answers ---------------------------------------------------------------------------------------------------------

YES: Final[tuple[str, ...]] = (
    "yes", "yeah", "yep", "yup", "sure", "of course", "certainly", "absolutely", "definitely", "correct", "right",
    "that's right", "that's correct", "that is right", "that is correct", "exactly", "okay", "alright", "all right",
    "fine", "that's fine", "that works", "that works for me", "sounds good", "that sounds good", "sounds great",
    "perfect", "great", "please do", "go ahead", "i do", "i am", "i would", "i will", "i can", "it is", "it does",
    "yes please", "yes i do", "yes i am", "yes i would", "yes i will", "yes i can", "yes it is", "yes it does",
    "yes that's me", "that's me", "speaking", "this is she", "this is he", "yes this is she", "yes this is he",
)  # fmt: skip

NO: Final[tuple[str, ...]] = (
    "no", "nope", "nah", "not really", "no thanks", "no thank you", "not at all", "never", "not now", "not today",
    "wrong", "that's wrong", "that's not right", "that's not correct", "that is wrong", "incorrect",
    "i don't", "i do not", "i'm not", "i am not", "i can't", "i cannot", "it isn't", "it is not", "it doesn't",
    "no i don't", "no i do not", "no i'm not", "no i am not", "no i can't", "no it isn't", "no it's not",
    "no that's wrong", "no that's not right", "don't", "please don't", "nothing else", "that's all", "that's it",
    "no that's all", "no that's it", "wrong number", "you have the wrong number",
)  # fmt: skip

HELLO: Final[tuple[str, ...]] = ("hello", "hi", "hey", "hi there", "hello there", "good morning", "good afternoon")

REPEAT: Final[tuple[str, ...]] = (
    "repeat", "repeat please", "please repeat", "repeat that", "repeat that please", "can you repeat that",
    "could you repeat that", "can you repeat that please", "could you repeat that please", "say that again",
    "say that again please", "can you say that again", "could you say that again", "what", "what was that",
    "what did you say", "pardon", "pardon me", "excuse me", "sorry", "sorry what", "i didn't hear you",
    "i didn't get that", "i didn't catch that", "come again", "one more time",
)  # fmt: skip

WAIT: Final[tuple[str, ...]] = (
    "hold on", "hold on please", "please hold", "please hold on", "wait", "wait please", "wait a moment",
    "wait a minute", "one moment", "one moment please", "just a moment", "just a moment please", "one second",
    "just a second", "give me a second", "give me a minute", "hang on", "let me check", "let me see",
)  # fmt: skip

GOODBYE: Final[tuple[str, ...]] = (
    "goodbye", "bye", "bye bye", "good bye", "see you", "talk to you later", "have a nice day", "have a good day",
    "thanks bye", "thank you bye", "thank you goodbye", "thanks goodbye", "i have to go",
)  # fmt: skip

THANKS: Final[tuple[str, ...]] = ("thanks", "thank you", "thank you very much", "thanks a lot", "great thanks")

OPERATOR: Final[tuple[str, ...]] = (
    "operator", "agent", "representative", "speak to a human", "talk to a human", "speak to a person",
    "talk to a person", "speak to someone", "talk to someone", "i want to speak to a human",
    "i want to talk to a person", "can i speak to someone", "can i talk to someone", "a real person please",
)  # fmt: skip

OPT_OUT: Final[tuple[str, ...]] = (
    "stop calling", "stop calling me", "please stop calling", "don't call me", "don't call me again",
    "do not call", "do not call me", "do not call me again", "do not call me any more", "never call me again",
    "take me off your list", "remove me from your list",
)  # fmt: skip

UNSURE: Final[tuple[str, ...]] = ("i don't know", "i do not know", "i'm not sure", "i am not sure", "no idea", "maybe")

MURMURS: Final[tuple[str, ...]] = ("mhm", "hmm", "uh huh", "i see", "got it", "oh")
"""The backchannels that are no answer to anything."""

GENERIC: Final[tuple[str, ...]] = (*MURMURS, *HELLO, *REPEAT, *WAIT, *GOODBYE, *THANKS, *OPERATOR, *OPT_OUT, *UNSURE)
"""Understood whatever the question was."""

BACKCHANNELS: Final[frozenset[str]] = frozenset(
    ("mhm", "mm", "hmm", "hm", "uh huh", "uh", "um", "ah", "oh", "i see", "okay", "right", "yeah", "sure", "got it")
)
"""Said while the other one talks; no wish to take the turn."""

VOICEMAIL: Final[tuple[str, ...]] = (
    "leave a message", "leave me a message", "please leave a message", "please leave your message",
    "please leave a message after the tone", "please leave a message after the beep",
    "leave a message after the tone", "leave a message after the beep", "leave your name and number",
    "please leave your name and number", "at the tone please record your message", "record your message after the tone",
    "you have reached the voicemail of", "you have reached", "i can't come to the phone right now",
    "i can't take your call right now", "i'm not available right now", "is not available",
    "the person you are calling is not available", "your call has been forwarded to voicemail",
    "i'll call you back", "i will get back to you", "i'll get back to you as soon as i can",
)  # fmt: skip
"""What machines say when they answer; part of every ``choice``."""

LEADS: Final[tuple[str, ...]] = (
    "um", "uh", "well", "oh", "okay", "yes", "so", "maybe", "please", "it's", "it is", "that's", "that is", "i think",
    "let's say", "let's do", "how about", "what about", "i'd like", "i would like", "i'll take", "make it",
    "can we do", "could we do", "can you do", "i want", "give me", "the number is", "my number is",
)  # fmt: skip
"""Said before an answer; mean nothing for it."""

TAILS: Final[tuple[str, ...]] = (
    "please", "thanks", "thank you", "is fine", "is good", "works", "works for me", "would be great", "would be good",
    "would be perfect", "would work", "sounds good", "if possible", "then",
)  # fmt: skip
"""Said after an answer; mean nothing for it."""

NAME_LEADS: Final[tuple[str, ...]] = (
    "my name is", "my name's", "my first name is", "my last name is", "the name is", "it's", "it is", "this is", "i'm",
    "i am", "call me", "under", "yes it's", "yes this is", "speaking this is",
)  # fmt: skip

FIRST_NAMES: Final[tuple[str, ...]] = _words(
    "james john robert michael william david richard joseph thomas charles daniel matthew anthony mark steven paul "
    "andrew joshua kevin brian george edward ronald timothy jason jeffrey ryan jacob gary nicholas eric jonathan "
    "stephen larry justin scott brandon benjamin samuel frank gregory raymond alexander patrick jack dennis jerry "
    "peter adam henry nathan walter kyle carl arthur oliver lucas ethan noah liam logan mason hugo oscar victor mary "
    "patricia jennifer linda elizabeth barbara susan jessica sarah karen lisa nancy betty sandra margaret ashley "
    "kimberly emily donna michelle carol amanda melissa deborah stephanie rebecca laura helen sharon cynthia kathleen "
    "amy angela anna ruth nicole samantha katherine christine emma rachel catherine maria heather diane julie joyce "
    "victoria kelly christina joan evelyn olivia judith megan andrea hannah jacqueline martha gloria teresa ann sara "
    "julia grace alice sophia charlotte isabella amelia lily chloe zoe eva nina carmen rosa ahmed ali omar fatima "
    "priya raj ravi anita sanjay wei li ming chen juan jose luis carlos miguel pedro pablo diego sofia lucia ivan "
    "olga elena anton jean pierre marie claire hans karl greta dana alex chris sam max jordan taylor morgan"
)
"""Common given names, so that a name nobody announced is often understood."""

LAST_NAMES: Final[tuple[str, ...]] = _words(
    "smith johnson williams brown jones garcia miller davis rodriguez martinez hernandez lopez gonzalez wilson "
    "anderson thomas taylor moore jackson martin lee perez thompson white harris sanchez clark ramirez lewis robinson "
    "walker young allen king wright scott torres hill flores green adams nelson baker hall rivera campbell mitchell "
    "carter roberts gomez phillips evans turner diaz parker cruz edwards collins reyes stewart morris morales murphy "
    "cook rogers ortiz morgan cooper peterson bailey reed kelly howard ramos kim cox ward richardson watson brooks "
    "chavez wood bennett gray mendoza ruiz hughes price patel shah kumar singh khan nguyen chen wang"
)

# --- grammar ---------------------------------------------------------------------------------------------------------


def _any(words: Iterable[str]) -> str:
    """Write JSGF alternatives."""
    return " | ".join(words)


_UNITS = [word for word in DIGITS if word not in {"zero", "oh"}]
_RELATIVE = _any(RELATIVE_DAYS)

RULES: Final[Mapping[str, str]] = {
    # numbers
    "unit": _any(_UNITS),
    "digit": _any(DIGITS),
    "teen": _any(TEENS),
    "tens": _any(TENS),
    "pair": "<teen> | <tens> [<unit>]",
    "below_hundred": "<unit> | <pair>",
    "below_thousand": "(<unit> | a) hundred [[and] <below_hundred>] | <below_hundred>",
    "whole": "zero | <below_thousand> | (<below_thousand> | a) thousand [[and] <below_thousand>]",
    "number": "<whole> [point <digit>+]",
    "spoken_digit": f"<digit> | ({_any(REPEATS)}) <digit>",
    "digits": "<spoken_digit>+",
    "phone": "[plus] (<spoken_digit> | <unit> hundred)+",
    # dates
    "weekday": _any(WEEKDAYS),
    "month": _any(MONTHS),
    "ordinal": _any(ORDINALS),
    "day_of_month": "[the] <ordinal> | <below_hundred>",
    "year": "twenty (<pair> | oh <unit>) | nineteen <pair> | two thousand [[and] <below_hundred>]",
    "calendar_day": "<month> <day_of_month> [<year>] | the <ordinal> [of <month> [<year>]] | <ordinal> of <month>",
    "week_day": "[next | this | this coming] <weekday> [next week | [the] <ordinal> | [the] <ordinal> of <month>"
    " | <month> [the] <ordinal>]",
    "date": f"[on] (<calendar_day> | <week_day>) | {_RELATIVE} | next week | in <below_hundred> (day | days | weeks)",
    # times
    "hour": _any(HOURS),
    "minute": "oh <unit> | <teen> | <tens> [<unit>] | o'clock",
    "half": "a m | p m | in the (morning | afternoon | evening) | at night",
    "clock": "<hour> [<minute>] [<half>] | half past <hour> [<half>] | [a] quarter (past | after | to) <hour> [<half>]"
    f" | (five | ten | twenty | twenty five) (past | to) <hour> [<half>] | {_any(TIME_WORDS)}",
    "day_part": f"[in the] ({_any(DAY_PARTS)})",
    "time": "[at | around | about] <clock> | <day_part>",
    "datetime": "<date> [[in the] (morning | afternoon | evening)] [[at | around | about] <clock>]"
    " | <time> [on <date>]",
    # answers
    "yes_no": f"(/0.7/ <NULL> | /0.3/ yes | /0.1/ yeah) ({_any(YES)}) | (/0.8/ <NULL> | /0.2/ no) ({_any(NO)})",
    "first_name": _any(FIRST_NAMES),
    "last_name": _any(LAST_NAMES),
    "lead": _any(LEADS),
    "tail": _any(TAILS),
    "name_lead": _any(NAME_LEADS),
    "generic": _any(GENERIC),
    "voicemail": _any(VOICEMAIL),
}
"""JSGF expansions by rule name. ``person`` and ``phrase`` are added per question from ``Expectation``."""

ROOTS: Final[Mapping[str, str]] = {
    "yes_no": "<yes_no>",
    "digits": "<digits>",
    "number": "<number>",
    "phone": "<phone>",
    "date": "<date>",
    "time": "<time>",
    "datetime": "<datetime>",
    "name": "[<name_lead>] <person>",
    "choice": "<phrase>",
}
"""What answers each kind of question, without ``LEADS`` and ``TAILS``; ``free_text`` has no grammar."""

SIDE_ANSWERS: Final[tuple[str, ...]] = ("yes", "yes please", "no", "no thanks", "no thank you", "i can't", "not now")
"""Given where something else was asked for; understood except among bare figures."""
