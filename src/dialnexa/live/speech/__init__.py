"""Ears, mouth and mind as small ports, and the providers behind them."""
