"""All tables in one place: importing this module fills ``METADATA``. A noun with new tables adds its line here."""

from __future__ import annotations

from dialnexa.platform.agents import models as agents
from dialnexa.platform.agents.folders import models as folders
from dialnexa.platform.alerts import models as alerts
from dialnexa.platform.calendars import models as calendars
from dialnexa.platform.calls import models as calls
from dialnexa.platform.costs import models as costs
from dialnexa.platform.database import Base
from dialnexa.platform.knowledge import models as knowledge
from dialnexa.platform.numbers import models as numbers
from dialnexa.platform.oauth import models as oauth
from dialnexa.platform.retention import models as retention
from dialnexa.platform.tenancy import models as tenancy
from dialnexa.platform.webhooks import models as webhooks

NOUNS = (tenancy, agents, folders, numbers, calls, costs, webhooks, oauth, knowledge, calendars, retention, alerts)
METADATA = Base.metadata

FULL_TEXT = "knowledge_index"
"""The full text index, and the prefix of what SQLite keeps beside it. Each database has its own kind, made by hand in
its migration, so the models know nothing of it."""


def described(name: str | None, kind: str, _parents: object) -> bool:
    """Tell whether the models describe this part of the schema; comparing them leaves the others out."""
    return kind not in {"table", "index"} or name is None or not name.startswith(FULL_TEXT)
