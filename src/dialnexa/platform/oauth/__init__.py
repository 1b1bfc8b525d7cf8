"""Programs that act with somebody's key without knowing it: OAuth 2.1 clients, and what was granted to them."""
