"""The state of a dialog (RFC 3261 §12) and of its session timer (RFC 4028), without I/O."""
