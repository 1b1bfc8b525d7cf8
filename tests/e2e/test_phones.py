"""Telephones register with an installation, call its agents and are called, hold, press keys and are transferred."""

from __future__ import annotations

import asyncio
import io
import secrets
import socket
import wave
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.e2e.baresip import HOST, Phone, hears_nothing, hears_something, phone, write_wav
from tests.e2e.installation import Installation, running

pytestmark = pytest.mark.e2e

NUMBER, ELSEWHERE = "+14155550177", "+16505550188"
LOGIN = {"sipTrunkUserName": "desk", "sipTrunkPassword": "s3cret-s3cret"}
CODECS = "audio_codecs=pcmu/8000/1"
FLOW = {
    "nodes": [
        {"id": "start", "type": "start", "message": "Hello. Press one, and I will connect you to a colleague of mine."},
        {"id": "hand", "type": "transfer", "message": ""},
        {"id": "done", "type": "end", "message": ""},
        {"id": "sorry", "type": "conversation", "message": "I am sorry, nobody is there."},
    ],
    "edges": [
        {"id": "e1", "from": "start", "to": "hand", "condition": {"type": "keyword", "phrases": ["/.*1.*/"]}},
        {"id": "e2", "from": "hand", "to": "done", "condition": {"type": "outcome", "value": "success"}},
        {"id": "e3", "from": "hand", "to": "sorry", "condition": {"type": "outcome", "value": "failure"}},
        {"id": "e4", "from": "sorry", "to": "hand", "condition": {"type": "keyword", "phrases": ["/.*1.*/"]}},
    ],
}


class House:
    """An installation with one trunk that phones register under, whose number an agent answers."""

    def __init__(self, home: Installation) -> None:
        self.home = home
        self.sip = f"{HOST}:{home.sip_port}"
        body = {"phoneNumber": NUMBER, "registration": "inbound", "encryption": "offered", **LOGIN}
        made = home.http.post("/v1/organization-phone-numbers/sip-trunks", json=body)
        assert made.status_code == 201, made.text
        self.trunk_id = made.json()["sip_trunk_id"]
        self.number_id = made.json()["id"]
        home.eventually(lambda: b" 401 " in self._asks_to_register())

    def _asks_to_register(self) -> bytes:
        """The start of the answer to a REGISTER: workers hear of a new trunk within a second or two."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.settimeout(2)
            udp.bind((HOST, 0))
            here = f"{HOST}:{udp.getsockname()[1]}"
            lines = (
                f"REGISTER sip:{self.sip} SIP/2.0",
                f"Via: SIP/2.0/UDP {here};branch=z9hG4bK-{secrets.token_hex(6)};rport",
                f"From: <sip:desk@{self.sip}>;tag=1",
                f"To: <sip:desk@{self.sip}>",
                f"Call-ID: {secrets.token_hex(6)}",
                "CSeq: 1 REGISTER",
                f"Contact: <sip:desk@{here}>",
                "Content-Length: 0",
            )
            udp.sendto("".join(f"{line}\r\n" for line in (*lines, "")).encode(), (HOST, self.home.sip_port))
            return udp.recv(2000)[:40]

    def answers_with(self, destination: str, **agent: Any) -> None:
        """Let a new agent answer the number, which hands callers on to this destination."""
        body = {
            "title": "Switchboard",
            "language_id": "lang_en_us",
            "voice_id": "builtin/auto",
            "conversation_start_type": "agent_dynamic",
            "agent_type": "Conversational_Flow_Agent",
            "flow": FLOW,
            "end_call_on_silence_sec": 60,
            "reminder_message_frequency": 0,
            "agent_functions": [
                {
                    "display_name": "hand_over",
                    "type": "call_transfer",
                    "description": "Connect the caller.",
                    "config": {"destinations": [destination], "ring_timeout_sec": 20},
                }
            ],
            **agent,
        }
        made = self.home.http.post("/v1/agents", json=body)
        assert made.status_code == 201, made.text
        agent_id = made.json()["id"]
        published = self.home.http.post(f"/v1/agents/{agent_id}/publish", json={})
        assert published.status_code in (200, 201), published.text
        path = f"/v1/organization-phone-numbers/{self.number_id}"
        assigned = self.home.http.patch(path, json={"agent_id": agent_id})
        assert assigned.status_code == 200, assigned.text

    def phones(self) -> list[dict[str, Any]]:
        return self.home.get(f"/v1/organization-phone-numbers/sip-trunks/{self.trunk_id}")["phones"]

    def latest(self) -> str:
        return str(self.home.get("/v1/calls?limit=1")["data"][0]["id"])

    async def registered(self) -> list[dict[str, Any]]:
        """Wait until a phone is registered, and return all that are."""
        await self.eventually(lambda: self.phones() != [])
        return self.phones()

    async def eventually(self, what: Callable[[], bool], within_s: float = 30) -> None:
        async with asyncio.timeout(within_s):
            while not what():
                await asyncio.sleep(0.3)

    @asynccontextmanager
    async def desk(
        self,
        folder: Path,
        *,
        transport: str = "udp",
        more: str = "",
        password: str = LOGIN["sipTrunkPassword"],
        source: Path | None = None,
    ) -> AsyncGenerator[Phone]:
        """A phone that registers here and answers by itself."""
        account = (
            f"<sip:desk@{self.sip};transport={transport}>;auth_user=desk;auth_pass={password};regint=120;"
            f"answermode=auto;{CODECS};{more}"
        )
        async with phone(folder, account, source=source) as made:
            yield made


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with running(tmp_path_factory.mktemp("phones") / "data") as home:
        yield House(home)


@asynccontextmanager
async def colleague(folder: Path, more: str) -> AsyncGenerator[tuple[Phone, str]]:
    """Somebody else's phone, which registers nowhere, and its address."""
    account = f"<sip:colleague@{HOST}:{{port}}>;regint=0;answermode=auto;{CODECS};{more}"
    async with phone(folder, account, hertz=900) as made:
        yield made, f"sip:colleague@{HOST}:{made.port}"


def loudest_left(home: Installation, call: dict[str, Any]) -> float:
    """The loudest frequency of the caller's channel of a recording."""
    with wave.open(io.BytesIO(home.http.get(call["recording_url"]).content)) as wav:
        samples = np.frombuffer(wav.readframes(wav.getnframes()), np.int16).reshape(-1, 2)[:, 0].astype(float)
    return float(np.argmax(np.abs(np.fft.rfft(samples))) * 8000 / len(samples))


@pytest.mark.parametrize(
    ("transport", "more"), [("udp", ""), ("tcp", "dtmfmode=info;"), ("udp", "mediaenc=srtp-mand;")]
)
async def test_a_phone_registers_calls_in_is_heard_holds_presses_keys_and_is_transferred(
    house: House, tmp_path: Path, transport: str, more: str
) -> None:
    home = house.home
    async with (
        house.desk(tmp_path / "desk", transport=transport, more=more) as desk,
        colleague(tmp_path / "colleague", more) as (other, address),
    ):
        [shown] = await house.registered()
        assert (shown["transport"], shown["user_agent"][:7]) == (transport, "baresip")
        house.answers_with(address)

        await desk.does("dial", f"sip:{NUMBER}@{house.sip};transport={transport}")
        await desk.heard_of("CALL_ESTABLISHED")
        await hears_something(desk)
        call_id = house.latest()

        await desk.does("hold")
        await hears_nothing(desk)
        await desk.does("resume")
        await asyncio.sleep(1)
        assert home.call(call_id)["status"] == "in_progress"

        await desk.does("sndcode", "1")
        await other.heard_of("CALL_ESTABLISHED")
        call = await asyncio.to_thread(home.finished, call_id)
        assert (call["status"], call["end_reason"]) == ("completed", "call_transferred")
        transfer = call["transfer"]
        assert (transfer["status"], transfer["method"]) == ("completed", "refer")
        assert [(leg["destination"], leg["status"]) for leg in transfer["legs"]] == [(address, "bridged")]
        assert abs(loudest_left(home, call) - 440) < 10
        events = [line["event"] for line in home.timeline(call_id)]
        assert {"dtmf", "tool", "transfer"} <= set(events)
        await hears_something(other, 1000)
    await house.eventually(lambda: house.phones() == [])


async def test_a_phone_is_called_where_it_registered(house: House, tmp_path: Path) -> None:
    home = house.home
    silence = write_wav(tmp_path / "silence.wav", np.zeros(8000 * 60, np.int16))  # a tone would be a voicemail's beep
    async with house.desk(tmp_path, source=silence) as desk:
        await house.registered()
        placed = home.place(ELSEWHERE, from_number=NUMBER)
        assert placed.status_code == 201, placed.text
        call_id = placed.json()["id"]
        await desk.heard_of("CALL_ESTABLISHED")
        await hears_something(desk)
        await desk.does("hangup")
        call = await asyncio.to_thread(home.finished, call_id)
        assert (call["status"], call["end_reason"]) == ("completed", "user_disconnected")


async def test_where_no_phone_is_registered_the_call_says_so(house: House) -> None:
    await house.eventually(lambda: house.phones() == [])
    placed = house.home.place(ELSEWHERE, from_number=NUMBER)
    call = await asyncio.to_thread(house.home.finished, placed.json()["id"])
    assert (call["status"], call["end_reason"], call["sip_status"]) == ("no_answer", "user_unreachable", 480)
    assert call["detail"].startswith("No phone is registered as desk.")


async def test_a_wrong_password_is_refused_and_nothing_is_known_of_the_phone(house: House, tmp_path: Path) -> None:
    def wrong_logins() -> float:
        text = house.home.http.get("/metrics").text
        return max(float(line.split()[-1]) for line in text.splitlines() if "_sip_wrong_logins{" in line)

    before = wrong_logins()
    async with house.desk(tmp_path, password="wrong"):
        await house.eventually(lambda: wrong_logins() > before)
        assert house.phones() == []
