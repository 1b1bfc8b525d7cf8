"""Durable execution: the one module that speaks to DBOS."""
