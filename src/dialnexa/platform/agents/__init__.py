"""Agents, their versions, publishing and functions."""
