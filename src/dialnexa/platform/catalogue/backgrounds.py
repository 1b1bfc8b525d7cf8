"""The background sounds an agent may be heard in front of, by our names and by those hosted platforms use."""

from __future__ import annotations

SILENCE = ""
ROOM = "room-tone"
"""What ``ambient_noise`` asks for: a quiet room, instead of a line that sounds dead."""

BACKGROUNDS = ("office", "call-center", "cafe", "convention-hall", "street", "outdoors", "static-noise", ROOM)
"""Each is a loop of ``live.media.beds``."""

_ALSO = {
    "": SILENCE,
    "none": SILENCE,
    "off": SILENCE,
    "callcenter": "call-center",
    "call-centre": "call-center",
    "coffee-shop": "cafe",
    "coffeeshop": "cafe",
    "café": "cafe",
    "restaurant": "cafe",
    "conference-hall": "convention-hall",
    "crowd": "convention-hall",
    "city": "street",
    "traffic": "street",
    "nature": "outdoors",
    "outdoor": "outdoors",
    "summer-outdoor": "outdoors",
    "mountain-outdoor": "outdoors",
    "static": "static-noise",
    "white-noise": "static-noise",
    "room": ROOM,
}


def find_background(wanted: str) -> str | None:
    """Return our name of a sound, however it is written (``Call Center``); ``SILENCE`` for none, ``None``: unknown."""
    name = "-".join(wanted.strip().lower().replace("_", " ").replace("-", " ").split())
    return name if name in BACKGROUNDS else _ALSO.get(name)
