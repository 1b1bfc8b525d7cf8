"""Carriers that rent out phone numbers, behind one port."""
