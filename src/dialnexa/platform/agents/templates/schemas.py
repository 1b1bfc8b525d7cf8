"""Wire shapes of templates."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from dialnexa.platform.agents.templates.service import Template
from dialnexa.platform.wire import Body


class TemplateIn(Body):
    """What to make of a template."""

    title: Annotated[str, Field(min_length=1, max_length=70)] | None = None
    variables: Annotated[dict[str, object], Field(max_length=100)] = Field(default_factory=dict[str, object])
    """Your values for the template's variables, such as `{"business_name": "Smile Dental"}`."""
    folder_id: Annotated[str, Field(max_length=255)] | None = None
    is_published: bool = False
    """Publish it at once."""


class TemplateListed(BaseModel):
    """A template in short."""

    id: str
    title: str
    description: str
    category: str
    direction: str
    """`inbound` or `outbound`: what it is meant for; it can do both."""
    variables: dict[str, object]
    """What to fill in, with what stands there until then. Calls may bring their own values."""

    @classmethod
    def of(cls, template: Template) -> TemplateListed:
        """Describe a template in short."""
        return cls(
            id=template.id,
            title=template.title,
            description=template.description,
            category=template.category,
            direction=template.direction,
            variables=dict(template.variables),
        )


class TemplateOut(TemplateListed):
    """A template."""

    agent: dict[str, object]
    """The settings an agent made from it has, in the flat form."""

    @classmethod
    def whole(cls, template: Template) -> TemplateOut:
        """Describe a template with its agent."""
        return cls(**TemplateListed.of(template).model_dump(), agent=dict(template.agent))


class TemplatesOut(BaseModel):
    """All templates."""

    templates: list[TemplateListed]
