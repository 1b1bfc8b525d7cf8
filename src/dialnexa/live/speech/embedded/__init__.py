"""Embedded speech: offline, no account, demo and IVR grade; it says so."""
