"""Alerts: a figure of the workspace's calls, a threshold, and an event when it is crossed."""
