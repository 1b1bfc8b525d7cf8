"""The templates: files that come with the installation, and how an agent is made from one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Literal

from dialnexa.kit.errors import NotFound
from dialnexa.platform.agents.config import AgentConfig

_PACKAGE = "dialnexa.platform.agents"


@dataclass(frozen=True, slots=True)
class Template:
    """An agent to begin with."""

    id: str
    title: str
    description: str
    category: str
    direction: Literal["inbound", "outbound"]
    """What it is meant for; it can do both."""
    agent: Mapping[str, Any]
    """Its settings in the flat form."""

    @property
    def variables(self) -> Mapping[str, object]:
        """Return what to fill in, with what stands there until then."""
        return self.agent["default_dynamic_variables"]


@cache
def every() -> tuple[Template, ...]:
    """Return the templates by title. Read once per process: they come with the program."""
    files = sorted(resources.files(_PACKAGE).joinpath("templates/library").iterdir(), key=lambda file: file.name)
    found = [Template(**json.loads(file.read_text(encoding="utf-8"))) for file in files if file.name.endswith(".json")]
    return tuple(sorted((*found, _reminder()), key=lambda template: template.title))


def get(template_id: str) -> Template:
    """Return a template, or raise ``NotFound`` with those there are."""
    found = next((template for template in every() if template.id == template_id), None)
    if found is None:
        known = ", ".join(template.id for template in every())
        raise NotFound(f"Template {template_id} not found. There are: {known}.")
    return found


def agent_from(template: Template, *, title: str | None, variables: Mapping[str, object]) -> AgentConfig:
    """Return the settings of a new agent; ``variables`` take the place of the template's defaults by name."""
    body = {**template.agent, "title": title or template.title}
    body["default_dynamic_variables"] = {**template.variables, **variables}
    return AgentConfig.model_validate(body)


def _reminder() -> Template:
    """The agent a fresh installation calls with is a template too."""
    body = json.loads(resources.files(_PACKAGE).joinpath("demo.json").read_text(encoding="utf-8"))
    title = "Appointment reminder"
    return Template(
        "appointment-reminder", title, body["description"], "appointments", "outbound", {**body, "title": title}
    )
