"""Backups: everything an installation needs to be itself again, in one file."""
