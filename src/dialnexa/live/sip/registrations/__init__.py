"""Registrations: ours at carriers, and those of phones with us (RFC 3261 §10)."""
