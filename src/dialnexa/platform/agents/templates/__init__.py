"""Agents to begin with: whole, ready to publish, and able to talk without a language model."""
