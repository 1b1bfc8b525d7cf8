"""Every setting of the installation, typed, in one place. Environment variables ``DIALNEXA_…`` override defaults."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

_STORES = ("s3://", "gs://", "az://", "file:///")
MOST_WORKERS = 64
"""Workers of one ``dialnexa up``."""


_ACCOUNTS = {
    "telnyx_api_key": ["telnyx_connection_id"],
    "telnyx_sip_username": ["telnyx_sip_password"],
    "telnyx_sip_password": ["telnyx_sip_username"],
    "twilio_account_sid": ["twilio_auth_token", "twilio_trunk_sid", "twilio_sip_host"],
    "twilio_sip_username": ["twilio_sip_password"],
    "twilio_sip_password": ["twilio_sip_username"],
}
"""What is of no use without what."""


def _variable(name: str) -> str:
    return f"DIALNEXA_{name.upper()}"


class Settings(BaseSettings):
    """What an operator may set. Nothing is needed on a laptop."""

    model_config = SettingsConfigDict(env_prefix="DIALNEXA_", extra="ignore")

    data: Path = Field(default=Path("var"), description="Folder for the database, recordings and the master key.")
    database_url: str = Field(
        default="", repr=False, description="SQLAlchemy URL; empty: SQLite inside the data folder."
    )
    http_host: str = "127.0.0.1"
    http_port: int = Field(default=8080, description="0 takes a free port.")
    public_url: str = Field(default="", description="How clients reach the API; empty: the bound address.")
    sip_host: str = Field(default="127.0.0.1", description="Address the SIP and RTP sockets bind to.")
    sip_port: int = Field(default=5060, description="0 takes a free port.")
    sip_public_host: str = Field(
        default="", description="Address told to carriers when behind NAT; with an edge, for audio only."
    )
    stun_server: str = Field(
        default="", description="STUN server as host[:port] that `doctor` asks how others see us; empty: nobody."
    )
    sip_unknown: Literal["drop", "challenge", "refuse"] = Field(
        default="challenge",
        description="What requests from addresses that are no trunk's get: a challenge, so that whoever has a trunk's "
        "login may call from anywhere; 403 (refuse); or silence (drop), best when every carrier's addresses are known.",
    )
    sip_tls_certificate: Path | None = Field(
        default=None,
        description="Certificate chain in PEM; with one, carriers and phones can reach us over TLS. "
        "Without one, outgoing TLS still works.",
    )
    sip_tls_key: Path | None = Field(default=None, description="Its private key in PEM; empty: in the same file.")
    sip_tls_port: int = Field(default=5061, description="Port for SIP over TLS; 0 takes a free one.")
    sip_tls_authorities: Path | None = Field(
        default=None, description="Whose certificates are believed, in PEM; empty: those the system believes."
    )
    sip_edge: str = Field(
        default="",
        description="Proxy before the workers, as host[:port][;transport=tcp]: calls and registrations go out through "
        "it, unless their trunk names a proxy of its own.",
    )
    sip_edge_sources: str = Field(
        default="",
        description="Comma list of the addresses and networks the edge sends from; they are believed when they tell "
        "who a call really came from. Empty: the address in sip_edge.",
    )
    rtp_ports: str = Field(default="20000-29999", description="UDP ports for media, first-last.")
    workers: int = Field(
        default=1,
        ge=1,
        le=MOST_WORKERS,
        description="Worker processes of `dialnexa up`, one for each core.",
    )
    recording_format: Literal["wav", "opus"] = Field(
        default="wav",
        description="What recordings become after the call: wav plays everywhere, opus (Ogg) is an eighth of it.",
    )
    recordings_url: str = Field(
        default="",
        description="Object store that recordings are moved to after the call, such as s3://bucket/prefix (keys and "
        "AWS_ENDPOINT_URL from the environment) or file:///srv/recordings; empty: they stay in the data folder.",
    )
    capacity: int = Field(default=100, description="Calls one worker accepts at once.")
    concurrency_limit: int = Field(default=25, description="Concurrent calls of a new workspace.")
    rate_limit_key_per_minute: int = Field(default=600, ge=0, description="Requests of one API key; 0: no limit.")
    rate_limit_calls_per_minute: int = Field(
        default=120, ge=0, description="POST /calls of one workspace; 0: no limit."
    )
    rate_limit_calls_burst: int = Field(default=20, ge=1, description="POST /calls of one workspace at once.")
    rate_limit_web_per_minute: int = Field(
        default=30, ge=0, description="Web calls begun with one publishable key; 0: no limit."
    )
    rate_limit_web_address_per_minute: int = Field(
        default=10, ge=0, description="Those of one client address; 0: no limit."
    )
    event_streams_per_key: int = Field(
        default=10, ge=0, description="Event streams that one API key may have open at one api process; 0: no limit."
    )
    trusted_proxies: str = Field(
        default="",
        description="Comma list of the addresses and networks of reverse proxies before the API: their X-Forwarded-For "
        "says who asks. Empty: nobody's does.",
    )
    rate_limit_address_per_minute: int = Field(
        default=600, ge=0, description="Requests without a valid key from one address; 0: no limit."
    )
    billing: bool = Field(
        default=False,
        description="Whether workspaces pay for calls and numbers from a wallet, which `dialnexa workspace credit` "
        "fills; an empty one is refused with 402.",
    )
    kyc: Literal["off", "regulated", "all"] = Field(
        default="off",
        description="Whether workspaces must be verified before they rent numbers or call out: never, for numbers of "
        "regulated countries, or always. `dialnexa workspace kyc` decides.",
    )
    kyc_countries: str = Field(
        default="IN,DE,ES,FR,IT",
        description="Comma list of ISO codes: the regulated countries. US toll-free numbers count as regulated too.",
    )
    telnyx_api_key: str = Field(
        default="", repr=False, description="API key (v2) of a Telnyx account; with one, numbers are rented there."
    )
    telnyx_connection_id: str = Field(
        default="", description="The SIP connection at Telnyx that rented numbers are put on and calls go over."
    )
    telnyx_sip_host: str = Field(
        default="sip.telnyx.com", description="SIP proxy of Telnyx, of your region, as host[:port]."
    )
    telnyx_sip_username: str = Field(
        default="",
        description="Login of a credentials connection, with which we register; empty: an IP or FQDN connection, "
        "which knows the address in sip_public_host.",
    )
    telnyx_sip_password: str = Field(default="", repr=False)
    telnyx_sip_sources: str = Field(
        default="",
        description="Comma list of addresses and networks its calls come from, beside those of telnyx_sip_host.",
    )
    telnyx_api_url: str = "https://api.telnyx.com/v2"
    twilio_account_sid: str = Field(
        default="", description="SID (AC…) of a Twilio account; with one, numbers are rented there."
    )
    twilio_auth_token: str = Field(default="", repr=False)
    twilio_trunk_sid: str = Field(
        default="", description="The Elastic SIP Trunk (TK…) that rented numbers are put on and calls go over."
    )
    twilio_sip_host: str = Field(
        default="", description="Its termination URI, such as acme.pstn.twilio.com, as host[:port]."
    )
    twilio_sip_username: str = Field(
        default="", description="Login of its credential list; empty: its access list has the address calls come from."
    )
    twilio_sip_password: str = Field(default="", repr=False)
    twilio_sip_sources: str = Field(
        default="54.172.60.0/30,54.244.51.0/30,54.171.127.192/30,35.156.191.128/30,54.65.63.192/30,54.169.127.128/30,"
        "54.252.254.64/30,177.71.206.192/30",
        description="Comma list of the networks its calls come from: Twilio's own in all its regions.",
    )
    twilio_api_url: str = Field(
        default="https://{service}.twilio.com", description="Where its APIs are: api, trunking, pricing."
    )
    no_audio_seconds: float = Field(default=30.0, description="An answered call without any packet this long is dead.")
    drain_seconds: float = Field(default=30.0, description="How long live calls may go on after SIGTERM.")
    outgoing_allow: str = Field(
        default="",
        description="Comma list of hosts and networks that webhooks and functions may reach beyond public https, "
        "with plain http too, such as hooks.internal, *.corp.example, 10.0.0.0/8.",
    )
    retention_recordings_days: int = Field(
        default=0, ge=0, description="Days after which recordings are removed; 0 keeps them for ever, here and below."
    )
    retention_transcripts_days: int = Field(
        default=0, ge=0, description="Days after which what was said is removed: transcripts, summaries, analysis."
    )
    retention_events_days: int = Field(default=90, ge=0, description="Days after which events are removed.")
    retention_deliveries_days: int = Field(
        default=30, ge=0, description="Days after which the log of webhook deliveries is removed, dead letters too."
    )
    retention_ladders_days: int = Field(
        default=90, ge=0, description="Days after which SIP messages and refused calls are removed."
    )
    retention_audit_days: int = Field(default=0, ge=0, description="Days after which the audit log is removed.")
    stt_base_url: str = Field(
        default="",
        description="OpenAI-compatible endpoint that transcribes speech, such as http://127.0.0.1:8000/v1.",
    )
    stt_api_key: str = Field(default="", repr=False)
    stt_model: str = Field(
        default="", description="Its model, such as whisper-1: a transcriber that agents may name, beside the embedded."
    )
    llm_base_url: str = Field(default="", description="OpenAI-compatible endpoint, such as http://127.0.0.1:11434/v1.")
    llm_api_key: str = Field(default="", repr=False)
    llm_model: str = Field(default="", description="Model for agents that name none; empty: builtin/flow.")
    embeddings_base_url: str = Field(
        default="",
        description="OpenAI-compatible endpoint for embeddings, such as http://127.0.0.1:11434/v1: knowledge bases are "
        "then searched by meaning too. Empty: by words alone.",
    )
    embeddings_api_key: str = Field(default="", repr=False)
    embeddings_model: str = Field(
        default="",
        validate_default=True,
        description="Model that embeds; with another one every document is embedded again.",
    )
    embeddings_dimensions: int = Field(
        default=0,
        ge=0,
        le=8192,
        description="Length of the vectors to ask for, of models that can shorten them; 0: the model's own.",
    )
    embeddings_passage_prefix: str = Field(
        default="", description="What the model wants before passages, such as `search_document: `."
    )
    embeddings_question_prefix: str = Field(
        default="", description="What it wants before questions, such as `search_query: `."
    )
    embeddings_timeout_seconds: float = Field(
        default=30.0, gt=0, description="How long a batch of passages may take to be embedded."
    )
    embeddings_question_ms: int = Field(
        default=300,
        ge=10,
        le=5000,
        description="How long a question may take to be embedded; after that it is searched for by words alone.",
    )
    worker_metrics_host: str = Field(default="127.0.0.1", description="Address the workers' metrics are served at.")
    worker_metrics_port: int = Field(
        default=0,
        ge=0,
        le=65535,
        description="Port of a worker's Prometheus metrics; further workers of one `up` take the next ones. 0: none.",
    )
    otlp_endpoint: str = Field(
        default="", description="OTLP/HTTP endpoint for traces, such as http://127.0.0.1:4318; empty: no traces."
    )
    log_level: str = "INFO"
    log_json: bool = False

    @field_validator("recordings_url")
    @classmethod
    def _a_store(cls, url: str) -> str:
        if url and not url.startswith(_STORES):
            raise ValueError(f"must begin with one of {', '.join(_STORES)}, such as s3://bucket/prefix")
        if url and not url.startswith("file:") and not urlsplit(url).netloc:
            raise ValueError("names no bucket; write it as s3://bucket or s3://bucket/prefix")
        return url

    @field_validator("embeddings_base_url")
    @classmethod
    def _an_endpoint(cls, url: str) -> str:
        parts = urlsplit(url)
        if url and (parts.scheme not in {"http", "https"} or not parts.hostname):
            raise ValueError("must be a URL such as http://127.0.0.1:11434/v1")
        return url

    @field_validator("embeddings_model")
    @classmethod
    def _a_model(cls, model: str, info: ValidationInfo) -> str:
        if info.data.get("embeddings_base_url") and not model.strip():
            raise ValueError("must name a model of DIALNEXA_EMBEDDINGS_BASE_URL, such as nomic-embed-text")
        return model.strip()

    @field_validator("telnyx_sip_host", "twilio_sip_host")
    @classmethod
    def _a_place(cls, text: str) -> str:
        if text.lower().startswith(("sip:", "sips:")) or "/" in text or " " in text.strip():
            raise ValueError('must be host[:port] without "sip:", such as sip.example.com')
        return text.strip()

    @field_validator("telnyx_sip_sources", "twilio_sip_sources")
    @classmethod
    def _networks(cls, text: str) -> str:
        for part in filter(None, map(str.strip, text.split(","))):
            try:
                ip_network(part, strict=False)
            except ValueError:
                raise ValueError(f"has {part!r}, which is no address or network such as 192.0.2.0/24") from None
        return text

    @model_validator(mode="after")
    def _whole_accounts(self) -> Self:
        for first, others in _ACCOUNTS.items():
            missing = [name for name in others if getattr(self, first) and not getattr(self, name)]
            if missing:
                raise ValueError(f"{_variable(first)} needs {' and '.join(map(_variable, missing))} too")
        return self

    @property
    def resolved_database_url(self) -> str:
        """Return the database URL, falling back to the file in the data folder."""
        return self.database_url or f"sqlite:///{(self.data / 'dialnexa.db').resolve()}"

    @property
    def recordings(self) -> Path:
        """Return the folder of recordings."""
        return self.data / "recordings"
