"""The groups of operations a client has, once blocking and once to await. What each does stands in ``operations``."""

from __future__ import annotations

from dialnexa_client.binding import AsyncResource, Resource, async_listing, async_method, listing, method
from dialnexa_client.operations import agents, calls, phone_numbers, workspace


class Calls(Resource):
    """Place, read, follow, wait for and end calls."""

    create = method(calls.create)
    get = method(calls.get)
    list = listing(calls.search)
    hang_up = method(calls.hang_up)
    timeline = method(calls.timeline)
    wait = method(calls.wait)
    download_recording = method(calls.download_recording)


class AsyncCalls(AsyncResource):
    """Place, read, follow, wait for and end calls."""

    create = async_method(calls.create)
    get = async_method(calls.get)
    list = async_listing(calls.search)
    hang_up = async_method(calls.hang_up)
    timeline = async_method(calls.timeline)
    wait = async_method(calls.wait)
    download_recording = async_method(calls.download_recording)


class Agents(Resource):
    """Make, change, publish and roll back agents."""

    create = method(agents.create)
    get = method(agents.get)
    list = listing(agents.search)
    update = method(agents.update)
    publish = method(agents.publish)
    roll_back = method(agents.roll_back)
    versions = listing(agents.versions)
    delete = method(agents.delete)


class AsyncAgents(AsyncResource):
    """Make, change, publish and roll back agents."""

    create = async_method(agents.create)
    get = async_method(agents.get)
    list = async_listing(agents.search)
    update = async_method(agents.update)
    publish = async_method(agents.publish)
    roll_back = async_method(agents.roll_back)
    versions = async_listing(agents.versions)
    delete = async_method(agents.delete)


class PhoneNumbers(Resource):
    """Read and assign numbers, bring your own trunk."""

    get = method(phone_numbers.get)
    list = listing(phone_numbers.search)
    update = method(phone_numbers.update)
    add_sip_trunk = method(phone_numbers.add_sip_trunk)
    delete = method(phone_numbers.delete)


class AsyncPhoneNumbers(AsyncResource):
    """Read and assign numbers, bring your own trunk."""

    get = async_method(phone_numbers.get)
    list = async_listing(phone_numbers.search)
    update = async_method(phone_numbers.update)
    add_sip_trunk = async_method(phone_numbers.add_sip_trunk)
    delete = async_method(phone_numbers.delete)


class ApiKeys(Resource):
    """Make and revoke keys."""

    create = method(workspace.create_key)
    list = listing(workspace.keys)
    revoke = method(workspace.revoke_key)


class AsyncApiKeys(AsyncResource):
    """Make and revoke keys."""

    create = async_method(workspace.create_key)
    list = async_listing(workspace.keys)
    revoke = async_method(workspace.revoke_key)


class WorkspaceLimits(Resource):
    """Read and set how many calls the workspace may hold at once."""

    get = method(workspace.limits)
    set = method(workspace.set_limits)


class AsyncWorkspaceLimits(AsyncResource):
    """Read and set how many calls the workspace may hold at once."""

    get = async_method(workspace.limits)
    set = async_method(workspace.set_limits)
