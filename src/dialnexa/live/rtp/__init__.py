"""RTP packets, sessions and telephone-event (RFC 3550, RFC 4733)."""
