"""Phone numbers and SIP trunks."""
