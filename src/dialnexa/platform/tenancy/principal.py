"""Who is asking: what one request may see and do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dialnexa.kit.errors import Forbidden
from dialnexa.platform.tenancy.scopes import includes

KeyKind = Literal["secret", "publishable", "restricted"]


@dataclass(frozen=True, slots=True)
class Principal:
    """The holder of a valid key. Every query takes its ``workspace_id``; every new row its ``account_id`` too."""

    workspace_id: str
    account_id: str
    """The account new rows belong to: the workspace's default account of the key's mode."""
    key_id: str
    livemode: bool
    """False for test keys: their calls never reach a carrier."""
    kind: KeyKind
    key_name: str = ""
    scopes: frozenset[str] = frozenset()
    """What a restricted key may do, such as ``calls:write``; secret keys may do everything."""
    allowed_agents: frozenset[str] = frozenset()
    """For publishable keys: the agent versions or agents they may start; empty: all."""
    allowed_origins: frozenset[str] = frozenset()
    """For publishable keys: the web origins they may be used from; empty: all."""

    def may_change(self, *, live: bool, what: str) -> None:
        """Raise ``Forbidden`` when a test key wants to change what live calls depend on."""
        if live and not self.livemode:
            raise Forbidden(f"A test key cannot change {what}; use a live key.", code="test_key")

    def require(self, scope: str, *, publishable: bool = False) -> None:
        """Raise ``Forbidden``, saying what to use instead, unless this key may do ``scope``."""
        if self.kind == "secret":
            return
        if self.kind == "publishable":
            if not publishable:
                raise Forbidden(
                    "A publishable key may only start web calls. Use a secret key (sk_…) from your server instead.",
                    code="publishable_key",
                )
            return
        if not includes(self.scopes, scope):
            raise Forbidden(f"This restricted key lacks the scope {scope}.", code="missing_scope")

    def require_origin(self, origin: str | None) -> None:
        """Raise ``Forbidden`` when a publishable key is used from a web page it was not made for."""
        if self.kind == "publishable" and self.allowed_origins and (origin or "").lower() not in self.allowed_origins:
            where = f"from {origin}" if origin else "without an Origin header"
            raise Forbidden(
                f"This publishable key may not be used {where}. Add the page's origin, such as "
                "https://www.example.com, to its allowed_origins with PATCH /v1/api-keys/{id}.",
                code="origin_forbidden",
            )
