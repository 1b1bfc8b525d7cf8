"""Logs: one line per event, for people on a console or as JSON for machines, with the call they belong to."""

from __future__ import annotations

import logging
import sys
from collections.abc import Generator, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar

import structlog

call_id: ContextVar[str | None] = ContextVar("call_id", default=None)
"""The call the present task works for; every line logged in it carries the id."""
_TRACEBACK = structlog.dev.plain_traceback
"""Plain on purpose: the pretty ones show local variables, secrets among them, and take seconds."""
_CHATTY = ("uvicorn.error", "httpx", "mcp.server.streamable_http_manager")
"""Libraries whose everyday news tells an operator nothing; their warnings do."""
_SECRET_WORDS = ("password", "secret", "authorization", "api_key", "token")


def configure_logging(*, level: str = "INFO", as_json: bool = False) -> None:
    """Set up logging for this process, ours and the libraries', on standard error."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        _add_call_id,
        _hide_secrets,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    last: list[structlog.typing.Processor] = (
        [structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer()]
        if as_json
        else [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=_TRACEBACK)]
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    if logging.getLogger().level == logging.INFO:
        for name in _CHATTY:
            logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        cache_logger_on_first_use=True,
    )


@contextmanager
def about_call(identifier: str) -> Generator[None]:
    """Mark every line logged inside this block, and in tasks started from it, with a call's id."""
    token = call_id.set(identifier)
    try:
        yield
    finally:
        call_id.reset(token)


def _add_call_id(_logger: object, _method: str, event: MutableMapping[str, object]) -> MutableMapping[str, object]:
    if (identifier := call_id.get()) is not None:
        event.setdefault("call_id", identifier)
    return event


def _hide_secrets(_logger: object, _method: str, event: MutableMapping[str, object]) -> MutableMapping[str, object]:
    """Blank values whose names say they are secret: the last net, not a licence to log them."""
    for name in event:
        if any(word in name.lower() for word in _SECRET_WORDS):
            event[name] = "***"
    return event
