"""What is on the wire: SIP messages and their header fields, SDP, digest credentials."""
