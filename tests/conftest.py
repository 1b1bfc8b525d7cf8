"""What every test shares: logs with plain tracebacks (the pretty ones take seconds and show local variables)."""

from __future__ import annotations

import logging

from dialnexa.kit.logging import configure_logging

configure_logging(level="INFO")
for chatty in ("httpx", "httpcore"):
    logging.getLogger(chatty).setLevel(logging.WARNING)
