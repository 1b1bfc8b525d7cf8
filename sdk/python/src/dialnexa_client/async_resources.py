"""The groups of operations of the async client. What each does stands in ``operations``."""

from __future__ import annotations

from dialnexa_client.binding import AsyncResource, AsyncRuns, async_following, async_listing, async_method
from dialnexa_client.operations import (
    agents,
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


class AsyncCalls(AsyncResource):
    """Place, read, follow, wait for and end calls."""

    create = async_method(calls.create)
    get = async_method(calls.get)
    list = async_listing(calls.search)
    hang_up = async_method(calls.hang_up)
    timeline = async_method(calls.timeline)
    wait = async_method(calls.wait)
    download_recording = async_method(calls.download_recording)
    ladder = async_method(history.ladder)
    ladder_text = async_method(history.ladder_text)
    waterfall = async_method(history.waterfall)
    retries = async_method(history.retries)
    transfer = async_method(history.transfer)
    analyze = async_method(history.analyze)
    redact = async_method(history.redact)
    costs = async_method(history.costs)
    refused = async_listing(history.refused)
    refused_ladder = async_method(history.refused_ladder)


class AsyncCallLogs(AsyncResource):
    """Read calls in the words of the Call History API."""

    list = async_listing(history.logs)
    get = async_method(history.log)
    details = async_method(history.log_details)


class AsyncAgents(AsyncResource):
    """Make, change, publish, compare and move agents."""

    create = async_method(agents.create)
    get = async_method(agents.get)
    list = async_listing(agents.search)
    update = async_method(agents.update)
    publish = async_method(agents.publish)
    roll_back = async_method(agents.roll_back)
    versions = async_listing(agents.versions)
    version = async_method(agents.version)
    compare = async_method(agents.compare)
    check_flow = async_method(agents.check_flow)
    restore = async_method(agents.restore)
    duplicate = async_method(agents.duplicate)
    export = async_method(agents.export)
    import_ = async_method(agents.import_)
    move = async_method(agents.move)
    try_function = async_method(agents.try_function)
    templates = async_listing(agents.templates)
    template = async_method(agents.template)
    from_template = async_method(agents.from_template)
    integrations = async_listing(agents.integrations)
    delete = async_method(agents.delete)


class AsyncFolders(AsyncResource):
    """Keep agents in folders."""

    create = async_method(house.create_folder)
    list = async_listing(house.folders)
    get = async_method(house.folder)
    rename = async_method(house.rename_folder)
    delete = async_method(house.delete_folder)


class AsyncKnowledgeBases(AsyncResource):
    """Keep documents that agents look answers up in."""

    create = async_method(knowledge.create)
    list = async_listing(knowledge.search)
    get = async_method(knowledge.get)
    update = async_method(knowledge.update)
    delete = async_method(knowledge.delete)
    affected_agents = async_method(knowledge.affected_agents)
    look_up = async_method(knowledge.look_up)
    upload = async_method(knowledge.upload)
    documents = async_listing(knowledge.documents)
    document = async_method(knowledge.document)
    update_document = async_method(knowledge.update_document)
    delete_document = async_method(knowledge.delete_document)
    document_text = async_method(knowledge.document_text)
    download_document = async_method(knowledge.download_document)


class AsyncCalendars(AsyncResource):
    """Keep calendars that agents book into."""

    create = async_method(calendars.create)
    list = async_listing(calendars.search)
    get = async_method(calendars.get)
    update = async_method(calendars.update)
    delete = async_method(calendars.delete)
    slots = async_method(calendars.slots)
    bookings = async_listing(calendars.bookings)
    book = async_method(calendars.book)
    cancel = async_method(calendars.cancel)


class AsyncPhoneNumbers(AsyncResource):
    """Read and assign numbers, bring your own trunk."""

    get = async_method(phone_numbers.get)
    list = async_listing(phone_numbers.search)
    update = async_method(phone_numbers.update)
    add_sip_trunk = async_method(phone_numbers.add_sip_trunk)
    delete = async_method(phone_numbers.delete)
    sip_trunks = async_listing(phone_numbers.sip_trunks)
    sip_trunk = async_method(phone_numbers.sip_trunk)
    update_sip_trunk = async_method(phone_numbers.update_sip_trunk)
    delete_sip_trunk = async_method(phone_numbers.delete_sip_trunk)
    add_number = async_method(phone_numbers.add_number)
    offers = async_method(phone_numbers.offers)
    purchase = async_method(phone_numbers.purchase)
    pricing = async_method(phone_numbers.pricing)
    country_rules = async_method(house.country_rules)
    enabled_network_groups = async_method(house.enabled_network_groups)


class AsyncTelephony(AsyncResource):
    """Say where the workspace may call."""

    get = async_method(house.telephony)
    set = async_method(house.set_telephony)
    countries = async_listing(house.countries)
    network_groups = async_method(house.network_groups)
    set_network_group = async_method(house.set_network_group)


class AsyncWebhooks(AsyncResource):
    """Subscribe URLs to events, look at deliveries, send again."""

    create = async_method(webhooks.create)
    list = async_listing(webhooks.search)
    get = async_method(webhooks.get)
    update = async_method(webhooks.update)
    delete = async_method(webhooks.delete)
    test = async_method(webhooks.test)
    deliveries = async_listing(webhooks.deliveries)
    delivery = async_method(webhooks.delivery)
    dead_letters = async_listing(webhooks.dead_letters)
    retry = async_method(webhooks.retry)
    retry_all = async_method(webhooks.retry_all)
    replay = async_method(webhooks.replay)
    kinds = async_listing(webhooks.kinds)
    workspace_secret = async_method(webhooks.workspace_secret)
    set_workspace_secret = async_method(webhooks.set_workspace_secret)
    delete_workspace_secret = async_method(webhooks.delete_workspace_secret)


class AsyncEvents(AsyncResource):
    """Follow what happens, in order."""

    follow = async_following(webhooks.events)


class AsyncLanguages(AsyncResource):
    """Read the languages agents can use."""

    list = async_method(catalogue.languages)
    get = async_method(catalogue.language)


class AsyncLlms(AsyncResource):
    """Read the language models agents can use."""

    list = async_method(catalogue.llms)
    fallback = async_method(catalogue.fallback_llms)
    get = async_method(catalogue.llm)


class AsyncTranscribers(AsyncResource):
    """Read the recognisers agents can use."""

    list = async_method(catalogue.transcribers)
    fallback = async_method(catalogue.fallback_transcribers)
    get = async_method(catalogue.transcriber)


class AsyncVoices(AsyncResource):
    """Read the voices agents can use."""

    list = async_listing(catalogue.voices)
    get = async_method(catalogue.voice)
    languages = async_method(catalogue.voice_languages)
    models = async_listing(catalogue.voice_models)
    accents = async_method(catalogue.accents)
    s2s = async_listing(catalogue.speech_voices)


class AsyncApiKeys(AsyncResource):
    """Make, change and revoke keys."""

    create = async_method(workspace.create_key)
    list = async_listing(workspace.keys)
    get = async_method(workspace.key)
    update = async_method(workspace.update_key)
    regenerate = async_method(workspace.regenerate_key)
    scopes = async_method(workspace.scopes)
    revoke = async_method(workspace.revoke_key)


class AsyncWorkspaceLimits(AsyncResource):
    """Read and set how many calls the workspace may hold at once."""

    get = async_method(workspace.limits)
    set = async_method(workspace.set_limits)


class AsyncRetention(AsyncResource):
    """Read and set how long things are kept."""

    get = async_method(house.retention)
    set = async_method(house.set_retention)


class AsyncPrices(AsyncResource):
    """Read and set what things cost."""

    get = async_method(history.prices)
    set = async_method(history.set_prices)


class AsyncKyc(AsyncResource):
    """Verify the workspace."""

    get = async_method(house.kyc)
    submit = async_method(house.submit_kyc)


class AsyncAuditLog(AsyncResource):
    """Read who changed what."""

    list = async_listing(house.audit_log)


class AsyncGroups:
    """All groups, as attributes of a client."""

    def __init__(self, runs: AsyncRuns) -> None:
        self.calls = AsyncCalls(runs)
        self.call_logs = AsyncCallLogs(runs)
        self.agents = AsyncAgents(runs)
        self.folders = AsyncFolders(runs)
        self.knowledge_bases = AsyncKnowledgeBases(runs)
        self.calendars = AsyncCalendars(runs)
        self.phone_numbers = AsyncPhoneNumbers(runs)
        self.telephony = AsyncTelephony(runs)
        self.webhooks = AsyncWebhooks(runs)
        self.events = AsyncEvents(runs)
        self.languages = AsyncLanguages(runs)
        self.llms = AsyncLlms(runs)
        self.transcribers = AsyncTranscribers(runs)
        self.voices = AsyncVoices(runs)
        self.api_keys = AsyncApiKeys(runs)
        self.limits = AsyncWorkspaceLimits(runs)
        self.retention = AsyncRetention(runs)
        self.prices = AsyncPrices(runs)
        self.kyc = AsyncKyc(runs)
        self.audit_log = AsyncAuditLog(runs)
