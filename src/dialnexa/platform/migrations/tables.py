"""All tables in one place: importing this module fills ``METADATA``. A noun with new tables adds its line here."""

from __future__ import annotations

from dialnexa.platform.agents import models as agents
from dialnexa.platform.agents.folders import models as folders
from dialnexa.platform.calls import models as calls
from dialnexa.platform.database import Base
from dialnexa.platform.numbers import models as numbers
from dialnexa.platform.oauth import models as oauth
from dialnexa.platform.tenancy import models as tenancy
from dialnexa.platform.webhooks import models as webhooks

NOUNS = (tenancy, agents, folders, numbers, calls, webhooks, oauth)
METADATA = Base.metadata
