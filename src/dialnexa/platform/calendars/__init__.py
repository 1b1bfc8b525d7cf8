"""Calendars: when there is time, and who has taken it. The built-in one for agents that make appointments."""
