"""Assembles the HTTP application: authentication, errors, rate limits, OpenAPI."""
