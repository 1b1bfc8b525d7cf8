"""SIP as a sans-I/O protocol stack with a thin UDP transport. One concept of RFC 3261 per file."""
