"""Which operation of the API each tool is. Adding a tool is adding a line; everything else comes from OpenAPI."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """A tool by its published name. Arguments, answers and description are those of its operation."""

    name: str
    group: str
    method: str
    path: str
    reads: bool = False
    """It changes nothing."""
    destructive: bool = False
    """It takes something away or changes what live calls depend on."""
    billable: bool = False
    """It may cost money: a person has to agree first."""


_GROUPS: dict[str, tuple[str, ...]] = {
    "agents": (
        "list_agents: GET /v1/agents",
        "get_agent: GET /v1/agents/{agent_id}",
        "create_agent: POST /v1/agents",
        "update_agent: PATCH /v1/agents/{agent_id}",
        "publish_agent: POST /v1/agents/{agent_id}/publish destructive",
        "roll_back_agent: POST /v1/agents/{agent_id}/rollback destructive",
        "duplicate_agent: POST /v1/agents/{agent_id}/duplicate",
        "delete_agent: DELETE /v1/agents/{agent_id} destructive",
        "list_agent_versions: GET /v1/agents/{agent_id}/versions",
        "get_agent_version: GET /v1/agents/{agent_id}/versions/{number}",
        "check_agent_flow: GET /v1/agents/{agent_id}/versions/{number}/flow-check",
        "compare_agent_versions: GET /v1/agents/{agent_id}/versions/compare",
        "get_agent_export: GET /v1/agents/{agent_id}/export",
        "import_agent: POST /v1/agents/import",
        "restore_agent_version: POST /v1/agents/{agent_id}/versions/{number}/restore destructive",
    ),
    "templates": (
        "list_templates: GET /v1/agent-templates",
        "get_template: GET /v1/agent-templates/{template_id}",
        "create_agent_from_template: POST /v1/agent-templates/{template_id}/agents",
    ),
    "calls": (
        "create_call: POST /v1/calls billable",
        "list_calls: GET /v1/calls",
        "get_call: GET /v1/calls/{call_id}",
        "get_call_details: GET /v1/call-logs/{log_id}/details",
        "get_call_retries: GET /v1/calls/{call_id}/retries",
        "get_call_transfer: GET /v1/calls/{call_id}/transfer",
        "get_call_waterfall: GET /v1/calls/{call_id}/waterfall",
        "get_call_costs: GET /v1/calls/costs",
        "get_call_timeline: GET /v1/calls/{call_id}/timeline",
        "get_call_ladder: GET /v1/calls/{call_id}/ladder",
        "hang_up_call: POST /v1/calls/{call_id}/hangup destructive",
        "redact_call: POST /v1/calls/{call_id}/redact destructive",
        "list_refused_calls: GET /v1/refused-calls",
    ),
    "knowledge-base": (
        "list_knowledge_bases: GET /v1/knowledge-base",
        "get_knowledge_base: GET /v1/knowledge-base/{kb_id}",
        "list_knowledge_base_documents: GET /v1/knowledge-base/{kb_id}/documents",
        "get_knowledge_base_document: GET /v1/knowledge-base/{kb_id}/documents/{document_id}",
        "get_knowledge_base_affected_agents: GET /v1/knowledge-base/{kb_id}/affected-agents",
        "search_knowledge_base: POST /v1/knowledge-base/{kb_id}/search reads",
        "create_knowledge_base: POST /v1/knowledge-base",
        "update_knowledge_base: PATCH /v1/knowledge-base/{kb_id}",
        "delete_knowledge_base: DELETE /v1/knowledge-base/{kb_id} destructive",
    ),
    "calendars": (
        "list_calendars: GET /v1/calendars",
        "list_calendar_slots: GET /v1/calendars/{calendar_id}/slots",
        "list_calendar_bookings: GET /v1/calendars/{calendar_id}/bookings",
        "create_calendar_booking: POST /v1/calendars/{calendar_id}/bookings",
        "cancel_calendar_booking: DELETE /v1/calendars/{calendar_id}/bookings/{booking_id} destructive",
    ),
    "phone-numbers": (
        "list_organization_phone_numbers: GET /v1/organization-phone-numbers",
        "get_organization_phone_number: GET /v1/organization-phone-numbers/{number_id}",
        "update_phone_number: PATCH /v1/organization-phone-numbers/{number_id} destructive",
        "delete_phone_number: DELETE /v1/organization-phone-numbers/{number_id} destructive",
        "search_plivo_numbers: GET /v1/organization-phone-numbers/plivo-numbers",
        "purchase_phone_number: POST /v1/organization-phone-numbers/purchase billable",
        "list_phone_number_pricing: GET /v1/phone-number-pricing",
        "list_countries: GET /v1/telephony-config/countries",
        "list_org_phone_country_rules: GET /v1/phone-country-rules/countries",
        "list_enabled_network_groups: GET /v1/phone-country-rules/enabled-network-groups",
        "create_sip_trunk: POST /v1/organization-phone-numbers/sip-trunks",
        "list_sip_trunks: GET /v1/organization-phone-numbers/sip-trunks",
        "get_sip_trunk: GET /v1/organization-phone-numbers/sip-trunks/{trunk_id}",
    ),
    "reference-data": (
        "list_llms: GET /v1/llms",
        "get_llm: GET /v1/llms/{llm_id}",
        "list_fallback_llms: GET /v1/llms/fallback",
        "list_languages: GET /v1/languages",
        "get_language: GET /v1/languages/{language_id}",
        "list_voices: GET /v1/voices",
        "get_voice: GET /v1/voices/{voice_id}",
        "get_voice_languages: GET /v1/voices/{voice_id}/languages",
        "list_transcribers: GET /v1/transcribers",
        "get_transcriber: GET /v1/transcribers/{transcriber_id}",
        "list_fallback_transcribers: GET /v1/transcribers/fallback",
    ),
    "integrations": ("list_integrations: GET /v1/integrations",),
    "webhooks": (
        "list_user_webhooks: GET /v1/user-webhooks",
        "get_user_webhook: GET /v1/user-webhooks/{webhook_id}",
        "list_webhook_deliveries: GET /v1/user-webhooks/{webhook_id}/deliveries",
        "list_undelivered_events: GET /v1/user-webhooks/dead-letters",
    ),
    "alerts": (
        "list_alerts: GET /v1/alerts",
        "get_alert: GET /v1/alerts/{alert_id}",
        "create_alert: POST /v1/alerts",
        "update_alert: PATCH /v1/alerts/{alert_id}",
        "delete_alert: DELETE /v1/alerts/{alert_id} destructive",
    ),
    "organization": (
        "get_workspace_limits: GET /v1/workspace/limits",
        "get_telephony_config: GET /v1/telephony-config",
        "get_kyc: GET /v1/kyc",
        "get_retention: GET /v1/workspace/retention",
        "list_audit_log: GET /v1/audit-log",
        "list_prices: GET /v1/prices",
        "list_organization_folders: GET /v1/organization-folders",
        "create_organization_folder: POST /v1/organization-folders",
        "update_organization_folder: PATCH /v1/organization-folders/{folder_id}",
        "delete_organization_folder: DELETE /v1/organization-folders/{folder_id} destructive",
        "move_agent_to_folder: PATCH /v1/agents/{agent_id}/folder",
    ),
}


def _entry(group: str, line: str) -> Entry:
    name, _, rest = line.partition(": ")
    method, path, *marks = rest.split()
    reads = method == "GET" or "reads" in marks
    return Entry(name, group, method, path, reads, "destructive" in marks, "billable" in marks)


ENTRIES = tuple(_entry(group, line) for group, lines in _GROUPS.items() for line in lines)
"""Every tool there is, group by group, under the names of the published list where that list has one."""
