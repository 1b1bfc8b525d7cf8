"""The built-in people who answer test numbers, over real SIP and RTP on loopback."""
