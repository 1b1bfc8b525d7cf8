"""What a worker opens once and every call of it uses."""

from __future__ import annotations

from dataclasses import dataclass

from dialnexa.kit.clock import Clock
from dialnexa.kit.outgoing import Outgoing
from dialnexa.kit.secrets import Vault
from dialnexa.live.media.engine import MediaEngine
from dialnexa.live.rtp.ports import PortRange
from dialnexa.live.sandbox.sandbox import Sandbox
from dialnexa.live.sip.endpoint import SipEndpoint
from dialnexa.live.speech.ports import Providers
from dialnexa.platform.database import Database
from dialnexa.platform.knowledge.embedding import Embedding
from dialnexa.platform.knowledge.searching import Search
from dialnexa.settings import Settings
from dialnexa.worker.analysing import Analysing
from dialnexa.worker.directory import Directory
from dialnexa.worker.finishing import Finishing
from dialnexa.worker.metrics import WorkerMetrics
from dialnexa.worker.phones import Phones
from dialnexa.worker.scribe import Scribe


@dataclass(frozen=True, slots=True)
class Parts:
    """The worker's database, ears, mouths, wires and people."""

    node_id: str
    settings: Settings
    clock: Clock
    vault: Vault
    database: Database
    media: MediaEngine
    ports: PortRange
    endpoint: SipEndpoint
    loopback: SipEndpoint
    """For calls to the sandbox, which never leave the machine, whatever address carriers are told."""
    directory: Directory
    sandbox: Sandbox
    phones: Phones
    """Which phones have registered, for the endpoint and for calls to them."""
    speech: Providers
    scribe: Scribe
    finishing: Finishing
    analysing: Analysing
    """What is done with recordings after the call."""
    search: Search
    """Over knowledge bases, for agents that have them."""
    embedding: Embedding
    metrics: WorkerMetrics
    outgoing: Outgoing
    """The guard that custom functions go through."""
