"""Workspaces, API keys, principals, limits."""
