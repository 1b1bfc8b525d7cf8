"""How a trunk is sent keys, and how it is told who calls."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from dialnexa.platform.migrations.parts import WORD

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_DEFAULTS = {"dtmf": "auto", "privacy": "none", "identity": "asserted"}


def upgrade() -> None:
    """Let trunks say so; those from before go on as they were, but send keys by INFO where nothing better is left."""
    for name, default in _DEFAULTS.items():
        op.add_column("sip_trunks", sa.Column(name, WORD, nullable=False, server_default=default))


def downgrade() -> None:
    """Take it away again."""
    for name in _DEFAULTS:
        op.drop_column("sip_trunks", name)
