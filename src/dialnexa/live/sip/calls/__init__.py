"""Calls: set-up out and in, the session in between, transfers."""
