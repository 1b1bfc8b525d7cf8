"""Folders, in which a workspace keeps its agents in order."""
