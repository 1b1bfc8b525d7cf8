"""What every ``routes.py`` is made of: who asks, which page, which envelope, and how a request body is read.

A noun's routes look like this::

    router = Router(tags=["Calls"])
    Writer = Annotated[Principal, Requires("calls:write")]

    @router.post("/calls", status_code=201)
    async def create_call(body: CallIn, who: Writer, database: Db) -> CallOut: ...
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, TypeVar, cast

import orjson
from fastapi import APIRouter, Depends, Query, Request, Response, Security, params
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from dialnexa.kit.clock import Clock
from dialnexa.kit.errors import (
    BadRequest,
    PayloadTooLarge,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    UnsupportedMediaType,
)
from dialnexa.kit.pagination import DEFAULT_LIMIT, MAX_LIMIT, Page
from dialnexa.kit.secrets import Vault
from dialnexa.platform.database import Database
from dialnexa.platform.listing import Listing, Meta, listing
from dialnexa.platform.tenancy import audit
from dialnexa.platform.tenancy.authentication import Authenticator
from dialnexa.platform.tenancy.idempotency import MAX_KEY_LENGTH, Answer, Idempotency
from dialnexa.platform.tenancy.principal import Principal
from dialnexa.platform.tenancy.rate_limits import Rate, RateLimiter, RateLimits, Verdict, tighter
from dialnexa.platform.wire import Body, ignored_fields, misspelt, unknown

__all__ = [
    "Body",
    "Db",
    "Guard",
    "Listing",
    "Meta",
    "Now",
    "Pages",
    "Paging",
    "Principal",
    "Requires",
    "Route",
    "Router",
    "Secrets",
    "Time",
    "Vouched",
    "authenticate",
    "client_address",
    "count_stranger",
    "is_known",
    "listing",
    "vouch",
]

MAX_BODY = 1_000_000
"""Bytes of a JSON body."""
MAX_UPLOAD = 10 * 1024 * 1024 + 64 * 1024
"""Bytes of an upload: a file of 10 MB, and what is said about it."""
MAX_DEPTH = 64
"""Levels of a JSON body; what writes it into the database and into answers goes down one call per level."""
_ENVELOPE = "envelope"
_WRITES = {"POST", "PUT", "PATCH", "DELETE"}
_BEARER = HTTPBearer(
    auto_error=False,
    bearerFormat="sk_live_…",
    description="A secret key (`sk_live_…`, `sk_test_…`), or a restricted one (`rk_…`) with the scope it needs.",
)

T = TypeVar("T")
Handle = Callable[[Request], Coroutine[Any, Any, Response]]

# Dependencies are coroutines even where they wait for nothing: FastAPI sends plain functions to a thread, which costs
# each request more than they do.
# --- what the application carries -----------------------------------------------------------------------------------


async def database(request: Request) -> Database:
    """Return the application's database."""
    return request.app.state.database


async def vault(request: Request) -> Vault:
    """Return what seals and opens secrets."""
    return request.app.state.vault


async def clock(request: Request) -> Clock:
    """Return the application's clock."""
    return request.app.state.clock


async def now(request: Request) -> datetime:
    """Return the moment of this request."""
    return request.app.state.clock.now()


Db = Annotated[Database, Depends(database)]
Secrets = Annotated[Vault, Depends(vault)]
Time = Annotated[Clock, Depends(clock)]
Now = Annotated[datetime, Depends(now)]

# --- who asks --------------------------------------------------------------------------------------------------------


class Guard:
    """Lets a request in: authenticates it, counts it against its buckets, and checks what its key may do."""

    def __init__(self, scope: str, *, publishable: bool = False, per_workspace: bool = False) -> None:
        self.scope = scope
        self.publishable = publishable
        self.per_workspace = per_workspace

    async def __call__(
        self, request: Request, _bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)] = None
    ) -> Principal:
        """Return who asks; the answer is kept for the rest of the request."""
        known: Principal | None = getattr(request.state, "principal", None)
        if known is None:
            known = request.state.principal = await self._admit(request)
        return known

    async def _admit(self, request: Request) -> Principal:
        vouched: Vouched | None = getattr(request.state, "vouched", None)
        principal = vouched.principal if vouched else await authenticate(request)
        await self._count(request, principal, vouched.verdict if vouched else None)
        principal.require(self.scope, publishable=self.publishable)
        principal.require_origin(request.headers.get("origin"))
        if self.per_workspace and getattr(request.app.state, "draining", False):
            raise Unavailable("This server is shutting down; try again.", headers={"Retry-After": "5"})
        return principal

    async def _count(self, request: Request, principal: Principal, verdict: Verdict | None) -> None:
        limiter: RateLimiter = request.app.state.rate_limiter
        verdict = verdict or await limiter.count(f"key:{principal.key_id}", limiter.limits.key)
        for name, rate in self._buckets(request, principal, limiter.limits):
            verdict = tighter(verdict, await limiter.count(name, rate))
        request.state.rate = verdict
        if not verdict.allowed:
            raise _too_many()

    def _buckets(self, request: Request, who: Principal, limits: RateLimits) -> Iterator[tuple[str, Rate]]:
        """Return what a request is counted in, beside the bucket of its key."""
        if self.per_workspace:
            yield f"calls:{who.workspace_id}", limits.calls
        if self.publishable and who.kind == "publishable":
            yield f"web:{who.key_id}", limits.web_key
            yield f"web:{who.key_id}:{client_address(request)}", limits.web_address


def Requires(scope: str, *, publishable: bool = False, per_workspace: bool = False) -> Any:
    """Return the dependency that demands a key with ``scope``, such as ``calls:write``.

    ``publishable`` opens the route to publishable keys, ``per_workspace`` counts it in the bucket of ``POST /calls``.
    """
    # Security, so that the OpenAPI document names the scope too.
    return Security(Guard(scope, publishable=publishable, per_workspace=per_workspace), scopes=[scope])


@dataclass(frozen=True, slots=True)
class Vouched:
    """Who asks, where a part of this application has found out before and sends a request on in their name."""

    principal: Principal
    verdict: Verdict
    """What their bucket said: one request of theirs is counted once, however many of ours it makes."""


async def vouch(request: Request, principal: Principal) -> Vouched:
    """Count a request against its key, and vouch for it; raise ``TooManyRequests`` when the key asks too often."""
    limiter: RateLimiter = request.app.state.rate_limiter
    request.state.rate = await limiter.count(f"key:{principal.key_id}", limiter.limits.key)
    if not request.state.rate.allowed:
        raise _too_many()
    return Vouched(principal, request.state.rate)


async def authenticate(request: Request) -> Principal:
    """Return who holds the request's key; raise ``Unauthorized``, and count the stranger, when it has no valid one."""
    authenticator: Authenticator = request.app.state.authenticator
    try:
        return await authenticator.authenticate(request.headers.get("authorization"))
    except Unauthorized:
        count_stranger(request)
        raise


def count_stranger(request: Request) -> None:
    """Count a request without a valid key against its address; raise ``TooManyRequests`` when it asks too often."""
    limiter: RateLimiter = request.app.state.rate_limiter
    request.state.rate = limiter.take(f"address:{client_address(request)}", limiter.limits.address)
    if not request.state.rate.allowed:
        raise _too_many()


def client_address(request: Request) -> str:
    """Return where a request came from; behind trusted proxies that is the address they tell."""
    return request.client.host if request.client else "unknown"


def _too_many() -> TooManyRequests:
    return TooManyRequests("Too many requests. Wait as long as Retry-After says; to dial many people, use batch calls.")


# --- reading requests ------------------------------------------------------------------------------------------------


class _BoundedRequest(Request):
    """A request whose body is bounded and whose JSON is strict (no NaN, no lone surrogates)."""

    most = MAX_BODY

    async def body(self) -> bytes:
        """Read the whole body; raise ``PayloadTooLarge`` past the limit, without reading on."""
        if not hasattr(self, "_body"):
            announced = self.headers.get("content-length", "")
            if announced.isdecimal() and int(announced) > self.most:
                raise _too_large(self.most)
            chunks, size = list[bytes](), 0
            async for chunk in self.stream():
                size += len(chunk)
                if size > self.most:
                    raise _too_large(self.most)
                chunks.append(chunk)
            self._body = b"".join(chunks)
        return self._body

    async def json(self) -> Any:
        """Parse the body; raise ``BadRequest`` when it is nested deeper than anybody needs."""
        body = await self.body()
        parsed = orjson.loads(body)
        if body.count(b"{") + body.count(b"[") > MAX_DEPTH and _deeper_than(MAX_DEPTH, parsed):
            raise BadRequest(f"The body is nested deeper than {MAX_DEPTH} levels; flatten it.")
        return parsed


def _deeper_than(most: int, parsed: object) -> bool:
    level = [parsed]
    for _ in range(most):
        level = [child for one in level for child in _inside(one)]
        if not level:
            return False
    return any(isinstance(one, dict | list) for one in level)


def _inside(parsed: object) -> Iterable[object]:
    if isinstance(parsed, dict):
        return cast(dict[str, object], parsed).values()
    return cast(list[object], parsed) if isinstance(parsed, list) else ()


class _UploadRequest(_BoundedRequest):
    """A request that brings a file."""

    most = MAX_UPLOAD


def _too_large(most: int) -> PayloadTooLarge:
    mend = "send less, or use an upload route" if most == MAX_BODY else "split the file"
    return PayloadTooLarge(f"The body is larger than {most:,} bytes; {mend}.")


def _check_content_type(request: Request, body: bytes) -> None:
    coding = request.headers.get("content-encoding", "identity").strip().lower()
    if body and coding not in {"", "identity"}:  # unpacking could make a gigabyte of a body within its bounds
        raise UnsupportedMediaType(f"Send the body as it is, without Content-Encoding: {_header_list({coding: None})}.")
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if isinstance(request, _UploadRequest):
        if given != "multipart/form-data":
            raise UnsupportedMediaType(
                f"Send the file as a form: Content-Type: multipart/form-data instead of {given or 'none'}."
            )
    elif body and given != "application/json" and not given.endswith("+json"):
        raise UnsupportedMediaType(
            f"The body must be JSON: send Content-Type: application/json instead of {given or 'none'}."
        )


def _refuse_nul(request: Request, body: bytes) -> None:
    """PostgreSQL stores no NUL character, so it must not get any further, on SQLite neither."""
    in_json = rb"\u0000" in body and not isinstance(request, _UploadRequest)
    if "\0" in request.scope["path"] or b"%00" in request.scope["query_string"] or in_json:
        raise BadRequest("The request contains the character U+0000, which cannot be stored; remove it.")


# --- the route -------------------------------------------------------------------------------------------------------


class Route(APIRoute):
    """A route of the API: the key is checked before the body is looked at, and writes may carry an Idempotency-Key.

    Parameters of a query that no route reads are treated as fields of bodies are: misspelt ones are refused, others
    named in ``X-DialNexa-Ignored-Fields``.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap FastAPI's own handler."""
        handle = super().get_route_handler()
        guard = next(_guards(self.dependant), None)
        reads = _UploadRequest if _takes_files(self) else _BoundedRequest
        parameters = {name: name for name in (_ENVELOPE, *_query(self.dependant))}

        async def guarded(plain: Request) -> Response:
            request = reads(plain.scope, plain.receive)
            ignored: dict[str, None] = {}
            token = ignored_fields.set(ignored)
            try:
                response = await _answer(request, guard, _recorded(handle), parameters)
            finally:
                ignored_fields.reset(token)
            ignored.update(dict.fromkeys(name for name in request.query_params if name not in parameters))
            if ignored:
                response.headers["X-DialNexa-Ignored-Fields"] = _header_list(ignored)
            return response

        return guarded


class Router(APIRouter):
    """Collects the routes of one noun."""

    def __init__(self, *, tags: Sequence[str]) -> None:
        super().__init__(tags=list(tags), route_class=Route)


def _takes_files(route: APIRoute) -> bool:
    return route.body_field is not None and isinstance(route.body_field.field_info, params.Form)


async def _answer(
    request: _BoundedRequest, guard: Guard | None, handle: Handle, parameters: Mapping[str, str]
) -> Response:
    principal = await guard(request) if guard else None
    if typos := misspelt(request.query_params, parameters):
        raise BadRequest([unknown(name, right, "parameter") for name, right in typos.items()])
    body = await request.body() if request.method in _WRITES else b""
    _refuse_nul(request, body)
    if request.method not in _WRITES:
        return await handle(request)
    _check_content_type(request, body)
    key = request.headers.get("idempotency-key")
    if not key or principal is None:
        return await handle(request)
    if len(key) > MAX_KEY_LENGTH:
        raise BadRequest(f"Idempotency-Key must be {MAX_KEY_LENGTH} characters or fewer (received {len(key)}).")
    idempotency: Idempotency = request.app.state.idempotency
    path = request.url.path.removeprefix("/v1")
    fingerprint = f"{request.method} {path}?{request.url.query}\n{_without_boundary(request, body).hex()}"
    async with idempotency.attempt(principal.account_id, key, fingerprint) as attempt:
        if attempt.replay is not None:
            return Response(
                attempt.replay.body,
                attempt.replay.status,
                headers={"Idempotent-Replayed": "true"},
                media_type="application/json",
            )
        response = await handle(request)
        if response.status_code < 300:
            attempt.answer = Answer(response.status_code, bytes(response.body))
        return response


def _recorded(handle: Handle) -> Handle:
    """Have what a write changes put into the audit log."""

    async def handled(request: Request) -> Response:
        principal: Principal | None = getattr(request.state, "principal", None)
        if principal is None or request.method not in _WRITES:
            return await handle(request)
        with audit.recorded(_deed(request, principal)):
            return await handle(request)

    return handled


def _deed(request: Request, who: Principal) -> audit.Deed:
    path = f"/v1{request.url.path.removeprefix('/v1')}"
    names = {value: f"{{{name}}}" for name, value in request.path_params.items()}
    return audit.Deed(
        workspace_id=who.workspace_id,
        account_id=who.account_id,
        actor="api_key",
        actor_id=who.key_id,
        actor_name=who.key_name,
        action=f"{request.method} {'/'.join(names.get(part, part) for part in path.split('/'))}",
        target=path,
        at=request.app.state.clock.now(),
        address=client_address(request),
        user_agent=request.headers.get("user-agent", ""),
        request_id=getattr(request.state, "request_id", ""),
    )


def _without_boundary(request: Request, body: bytes) -> bytes:
    """Return what a body says: the boundary of a form is another one each time it is sent."""
    _, marked, boundary = request.headers.get("content-type", "").partition("boundary=")
    return body.replace(boundary.strip('"').encode(), b"") if marked and boundary else body


def _query(dependant: Dependant) -> Iterator[str]:
    """Yield the names of the query parameters that a route reads."""
    yield from (parameter.alias for parameter in dependant.query_params)
    for dependency in dependant.dependencies:
        yield from _query(dependency)


def _guards(dependant: Dependant) -> Iterator[Guard]:
    for dependency in dependant.dependencies:
        if isinstance(dependency.call, Guard):
            yield dependency.call
        yield from _guards(dependency)


def _header_list(names: Mapping[str, None]) -> str:
    """Join field names for a header, leaving out what a header cannot carry."""
    return ", ".join(name for name in names if name.isascii() and name.isprintable())[:1000]


def is_known(request: Request, tag: str) -> bool:
    """Tell whether ``If-None-Match`` has an entity tag, compared weakly (RFC 9110 §13.1.2): then answer 304."""
    told = request.headers.get("if-none-match", "").strip()
    return told == "*" or tag.removeprefix("W/") in {each.strip().removeprefix("W/") for each in told.split(",")}


# --- lists -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Paging(Page):
    """The page a list request asks for, and whether it wants the envelopes of the published OpenAPI file (H.5)."""

    openapi_envelope: bool = False


async def _paging(
    request: Request,
    page: Annotated[int, Query(ge=1, le=1_000_000, description="Page, from 1.")] = 1,
    limit: Annotated[
        int, Query(ge=1, description=f"Items per page; more than {MAX_LIMIT} means {MAX_LIMIT}.")
    ] = DEFAULT_LIMIT,
) -> Paging:
    wish = request.headers.get("dialnexa-envelope") or request.query_params.get(_ENVELOPE) or ""
    return Paging(page, min(limit, MAX_LIMIT), wish.lower() == "openapi")


Pages = Annotated[Paging, Depends(_paging)]
