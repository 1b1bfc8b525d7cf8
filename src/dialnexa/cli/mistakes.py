"""What an operator can get wrong: told in a sentence (``explaining``) instead of a stack trace."""

from __future__ import annotations


class Mistake(Exception):
    """Something outside the program keeps a command from working; the message says what, and what to do."""
