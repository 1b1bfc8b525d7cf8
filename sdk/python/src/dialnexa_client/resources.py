"""The groups of operations of both clients. What each does stands in ``operations``."""

from __future__ import annotations

from typing import Generic

from dialnexa_client.binding import R, Resource, following, listing, method
from dialnexa_client.operations import (
    agents,
    alerts,
    calendars,
    calls,
    catalogue,
    history,
    house,
    knowledge,
    phone_numbers,
    webhooks,
    workspace,
)


class Calls(Resource[R]):
    """Place, read, follow, wait for and end calls."""

    create = method(calls.create)
    get = method(calls.get)
    list = listing(calls.search)
    hang_up = method(calls.hang_up)
    timeline = method(calls.timeline)
    wait = method(calls.wait)
    download_recording = method(calls.download_recording)
    ladder = method(history.ladder)
    ladder_text = method(history.ladder_text)
    waterfall = method(history.waterfall)
    retries = method(history.retries)
    transfer = method(history.transfer)
    analyze = method(history.analyze)
    redact = method(history.redact)
    costs = method(history.costs)
    refused = listing(history.refused)
    refused_ladder = method(history.refused_ladder)


class CallLogs(Resource[R]):
    """Read calls in the words of the Call History API."""

    list = listing(history.logs)
    get = method(history.log)
    details = method(history.log_details)


class Agents(Resource[R]):
    """Make, change, publish, compare and move agents."""

    create = method(agents.create)
    get = method(agents.get)
    list = listing(agents.search)
    update = method(agents.update)
    publish = method(agents.publish)
    roll_back = method(agents.roll_back)
    versions = listing(agents.versions)
    version = method(agents.version)
    compare = method(agents.compare)
    check_flow = method(agents.check_flow)
    restore = method(agents.restore)
    duplicate = method(agents.duplicate)
    export = method(agents.export)
    import_ = method(agents.import_)
    move = method(agents.move)
    try_function = method(agents.try_function)
    templates = listing(agents.templates)
    template = method(agents.template)
    from_template = method(agents.from_template)
    integrations = listing(agents.integrations)
    delete = method(agents.delete)


class Folders(Resource[R]):
    """Keep agents in folders."""

    create = method(house.create_folder)
    list = listing(house.folders)
    get = method(house.folder)
    rename = method(house.rename_folder)
    delete = method(house.delete_folder)


class KnowledgeBases(Resource[R]):
    """Keep documents that agents look answers up in."""

    create = method(knowledge.create)
    list = listing(knowledge.search)
    get = method(knowledge.get)
    update = method(knowledge.update)
    delete = method(knowledge.delete)
    affected_agents = method(knowledge.affected_agents)
    look_up = method(knowledge.look_up)
    upload = method(knowledge.upload)
    documents = listing(knowledge.documents)
    document = method(knowledge.document)
    update_document = method(knowledge.update_document)
    delete_document = method(knowledge.delete_document)
    document_text = method(knowledge.document_text)
    download_document = method(knowledge.download_document)


class Calendars(Resource[R]):
    """Keep calendars that agents book into."""

    create = method(calendars.create)
    list = listing(calendars.search)
    get = method(calendars.get)
    update = method(calendars.update)
    delete = method(calendars.delete)
    slots = method(calendars.slots)
    bookings = listing(calendars.bookings)
    book = method(calendars.book)
    cancel = method(calendars.cancel)


class PhoneNumbers(Resource[R]):
    """Read and assign numbers, bring your own trunk."""

    get = method(phone_numbers.get)
    list = listing(phone_numbers.search)
    update = method(phone_numbers.update)
    add_sip_trunk = method(phone_numbers.add_sip_trunk)
    delete = method(phone_numbers.delete)
    sip_trunks = listing(phone_numbers.sip_trunks)
    sip_trunk = method(phone_numbers.sip_trunk)
    update_sip_trunk = method(phone_numbers.update_sip_trunk)
    delete_sip_trunk = method(phone_numbers.delete_sip_trunk)
    add_number = method(phone_numbers.add_number)
    offers = method(phone_numbers.offers)
    purchase = method(phone_numbers.purchase)
    pricing = method(phone_numbers.pricing)
    country_rules = method(house.country_rules)
    enabled_network_groups = method(house.enabled_network_groups)


class Telephony(Resource[R]):
    """Say where the workspace may call."""

    get = method(house.telephony)
    set = method(house.set_telephony)
    countries = listing(house.countries)
    network_groups = method(house.network_groups)
    set_network_group = method(house.set_network_group)


class Webhooks(Resource[R]):
    """Subscribe URLs to events, look at deliveries, send again."""

    create = method(webhooks.create)
    list = listing(webhooks.search)
    get = method(webhooks.get)
    update = method(webhooks.update)
    delete = method(webhooks.delete)
    test = method(webhooks.test)
    deliveries = listing(webhooks.deliveries)
    delivery = method(webhooks.delivery)
    dead_letters = listing(webhooks.dead_letters)
    retry = method(webhooks.retry)
    retry_all = method(webhooks.retry_all)
    replay = method(webhooks.replay)
    kinds = listing(webhooks.kinds)
    workspace_secret = method(webhooks.workspace_secret)
    set_workspace_secret = method(webhooks.set_workspace_secret)
    delete_workspace_secret = method(webhooks.delete_workspace_secret)


class Events(Resource[R]):
    """Follow what happens, in order."""

    follow = following(webhooks.events)


class Languages(Resource[R]):
    """Read the languages agents can use."""

    list = method(catalogue.languages)
    get = method(catalogue.language)


class Llms(Resource[R]):
    """Read the language models agents can use."""

    list = method(catalogue.llms)
    fallback = method(catalogue.fallback_llms)
    get = method(catalogue.llm)


class Transcribers(Resource[R]):
    """Read the recognisers agents can use."""

    list = method(catalogue.transcribers)
    fallback = method(catalogue.fallback_transcribers)
    get = method(catalogue.transcriber)


class Voices(Resource[R]):
    """Read the voices agents can use."""

    list = listing(catalogue.voices)
    get = method(catalogue.voice)
    languages = method(catalogue.voice_languages)
    models = listing(catalogue.voice_models)
    accents = method(catalogue.accents)
    s2s = listing(catalogue.speech_voices)


class ApiKeys(Resource[R]):
    """Make, change and revoke keys."""

    create = method(workspace.create_key)
    list = listing(workspace.keys)
    get = method(workspace.key)
    update = method(workspace.update_key)
    regenerate = method(workspace.regenerate_key)
    scopes = method(workspace.scopes)
    revoke = method(workspace.revoke_key)
    grants = listing(workspace.grants)
    revoke_grant = method(workspace.revoke_grant)


class Alerts(Resource[R]):
    """Watch figures, and hear when they reach their thresholds."""

    create = method(alerts.create)
    list = listing(alerts.search)
    get = method(alerts.get)
    update = method(alerts.update)
    delete = method(alerts.delete)


class WorkspaceLimits(Resource[R]):
    """Read and set how many calls the workspace may hold at once."""

    get = method(workspace.limits)
    set = method(workspace.set_limits)


class Retention(Resource[R]):
    """Read and set how long things are kept."""

    get = method(house.retention)
    set = method(house.set_retention)


class Prices(Resource[R]):
    """Read and set what things cost."""

    get = method(history.prices)
    set = method(history.set_prices)


class Kyc(Resource[R]):
    """Verify the workspace."""

    get = method(house.kyc)
    submit = method(house.submit_kyc)


class AuditLog(Resource[R]):
    """Read who changed what."""

    list = listing(house.audit_log)


class Groups(Generic[R]):
    """All groups, as attributes of a client."""

    def __init__(self, runs: R) -> None:
        self.calls = Calls(runs)
        self.call_logs = CallLogs(runs)
        self.agents = Agents(runs)
        self.folders = Folders(runs)
        self.knowledge_bases = KnowledgeBases(runs)
        self.calendars = Calendars(runs)
        self.phone_numbers = PhoneNumbers(runs)
        self.telephony = Telephony(runs)
        self.webhooks = Webhooks(runs)
        self.events = Events(runs)
        self.alerts = Alerts(runs)
        self.languages = Languages(runs)
        self.llms = Llms(runs)
        self.transcribers = Transcribers(runs)
        self.voices = Voices(runs)
        self.api_keys = ApiKeys(runs)
        self.limits = WorkspaceLimits(runs)
        self.retention = Retention(runs)
        self.prices = Prices(runs)
        self.kyc = Kyc(runs)
        self.audit_log = AuditLog(runs)
