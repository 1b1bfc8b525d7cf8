"""How messages travel: UDP, TCP, TLS, where names lead (RFC 3263), and the edge before us."""
