"""What the operator of an installation demands of workspaces before they spend anything."""

from __future__ import annotations

from dataclasses import dataclass, field

from dialnexa.platform.tenancy.kyc import KycPolicy


@dataclass(frozen=True, slots=True)
class Terms:
    """Nothing, unless the settings say otherwise."""

    verification: KycPolicy = field(default_factory=KycPolicy)
    billing: bool = False
    """Whether calls and numbers are paid from the workspace's wallet."""
