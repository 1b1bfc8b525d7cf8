"""Transactions and their timers (RFC 3261 §17), all of an endpoint in one layer."""
