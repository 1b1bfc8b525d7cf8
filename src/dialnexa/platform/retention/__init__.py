"""Retention: how long what calls leave behind is kept, and the sweep that removes it."""
