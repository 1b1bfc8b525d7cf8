"""Whatever is thrown at a running installation: an exact answer with a sentence that helps, and calls that go on."""

from __future__ import annotations

import random
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.installation import Installation, running

pytestmark = pytest.mark.e2e

FRIENDLY, SILENT, BUSY = "+16505550199", "+16505550180", "+16505550110"
RTP_PORTS = range(41000, 41200)
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An installation whose media ports are known, so that they can be attacked."""
    ports = {"DIALNEXA_RTP_PORTS": f"{RTP_PORTS.start}-{RTP_PORTS.stop - 1}"}
    with running(tmp_path_factory.mktemp("bad") / "data", environment=ports) as installation:
        yield installation


# --- requests --------------------------------------------------------------------------------------------------------


def _refused(answer: httpx.Response, status: int, error: str) -> str:
    """The sentence of an error answer that has the documented shape."""
    body = answer.json()
    assert (answer.status_code, body["statusCode"], body["error"]) == (status, status, error), answer.text
    message = body["message"]
    return message if isinstance(message, str) else "; ".join(message)


@pytest.mark.parametrize("number", ["16505550199", "+1650", "+1650555019988776655", "hello", "", 16505550199])
def test_a_destination_that_is_no_number(own: Installation, number: Any) -> None:
    assert _refused(own.place(number), 400, "Bad Request") == "to_number must be in E.164 format"


def test_a_request_without_anything_names_all_it_needs(own: Installation) -> None:
    answer = own.http.post("/v1/calls", json={"to_number": "1"})
    assert answer.json()["message"] == [
        "from_number should not be empty",
        "to_number must be in E.164 format",
        "agent_version_id should not be empty",
    ]


def test_a_number_that_is_not_ours(own: Installation) -> None:
    sentence = _refused(own.place(BUSY, from_number="+15550001111"), 403, "Forbidden")
    assert "+15550001111 is not an active number of this workspace" in sentence
    assert "GET /v1/organization-phone-numbers" in sentence, "it says where to look"


def test_a_number_that_was_given_up(own: Installation) -> None:
    trunk = {"phoneNumber": "+12025550188", "terminationUri": "127.0.0.1:9", "authMode": "ip"}
    number = own.http.post("/v1/organization-phone-numbers/sip-trunks", json=trunk).json()
    assert own.http.delete(f"/v1/organization-phone-numbers/{number['id']}").status_code == 200
    sentence = _refused(own.place(BUSY, from_number="+12025550188"), 403, "Forbidden")
    assert "not an active number" in sentence


def test_an_agent_that_is_not_there_or_not_published(own: Installation) -> None:
    assert "av_nope" in _refused(own.place(BUSY, agent_version_id="av_nope"), 404, "Not Found")
    draft = {"title": "Draft", "language_id": "en", "voice_id": "builtin/auto", "prompt_text": "Be kind."}
    agent = own.http.post("/v1/agents", json=draft).json()
    version = own.get(f"/v1/agents/{agent['id']}/versions")["data"][0]["id"]
    for sentence in (
        _refused(own.place(BUSY, agent_version_id=version), 403, "Forbidden"),
        _refused(own.http.post("/v1/calls", json={"to_phone_number": BUSY, "agent_id": agent["id"]}), 403, "Forbidden"),
    ):
        assert f"POST /v1/agents/{agent['id']}/publish" in sentence
    nobody = own.http.post("/v1/calls", json={"to_phone_number": BUSY, "agent_id": "agent_nope"})
    assert "agent_nope" in _refused(nobody, 404, "Not Found")


def test_bodies_that_are_no_json(own: Installation) -> None:
    malformed = own.http.post("/v1/calls", content=b'{"to_number": }', headers=JSON)
    assert _refused(malformed, 400, "Bad Request").startswith("The body is not valid JSON: ")
    form = own.http.post("/v1/calls", data={"to_number": BUSY})
    sentence = _refused(form, 415, "Unsupported Media Type")
    assert "application/json" in sentence and "application/x-www-form-urlencoded" in sentence
    big = own.http.post("/v1/calls", content=b'{"x": "' + b"x" * 1_100_000 + b'"}', headers=JSON)
    assert "1,000,000 bytes" in _refused(big, 413, "Payload Too Large")


def test_routes_and_methods_that_do_not_exist(own: Installation) -> None:
    wrong = own.http.put("/v1/calls", json={})
    assert _refused(wrong, 405, "Method Not Allowed")
    assert set(wrong.headers["allow"].split(", ")) >= {"POST"}
    assert "/docs" in _refused(own.http.get("/v1/cals"), 404, "Not Found")
    stranger = "call_01m7ytb7rrjmx3h0kc8njp8ev0"
    assert stranger in _refused(own.http.get(f"/v1/calls/{stranger}"), 404, "Not Found")


def test_keys_that_may_not(own: Installation) -> None:
    with own.client(own.facts["publishable_key"]) as browser:
        sentence = _refused(browser.post("/v1/calls", json={}), 403, "Forbidden")
        assert "secret key" in sentence
        assert _refused(browser.get("/v1/calls"), 403, "Forbidden")
    for headers in ({}, {"Authorization": "Bearer sk_live_wrong"}, {"Authorization": "Basic eDp5"}):
        answer = httpx.post(f"{own.facts['api_url']}/v1/calls", json={}, headers=headers, trust_env=False)
        assert answer.json() == {"statusCode": 401, "message": "Unauthorized", "error": "Unauthorized"}


def test_bytes_that_are_no_http(own: Installation) -> None:
    host, port = own.facts["api_url"].removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as wire:
        wire.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello?\r\n\r\n")
        assert wire.recv(100).startswith(b"HTTP/1.1 400")
    assert own.http.get("/readyz").status_code == 200


def test_nothing_refused_left_a_row(own: Installation) -> None:
    assert own.get("/v1/calls")["meta"]["total"] == 0


def test_private_receivers_are_refused_unless_the_operator_allows_them(own: Installation) -> None:
    for url in ("http://127.0.0.1:9/", "https://127.0.0.1:9/", "https://localhost/", "https://169.254.169.254/"):
        answer = own.http.post("/v1/user-webhooks", json={"url": url, "events": ["*"]})
        assert answer.status_code == 400, url
        assert answer.json()["message"][0].startswith("url must be"), answer.text


# --- datagrams -------------------------------------------------------------------------------------------------------

_INVITE = (
    b"INVITE sip:+14155550100@127.0.0.1 SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK-bad\r\nMax-Forwards: 70\r\n"
    b"From: <sip:mallory@127.0.0.1>;tag=1\r\nTo: <sip:+14155550100@127.0.0.1>\r\n"
    b"Call-ID: bad\r\nCSeq: 1 INVITE\r\nContact: <sip:mallory@127.0.0.1:9>\r\n"
    b"Content-Type: application/sdp\r\nContent-Length: 40\r\n\r\n"
    b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
)


def _bad_sip(dice: random.Random) -> Iterator[bytes]:
    """Datagrams no parser may stumble over: torn, lying, empty, and merely random."""
    yield from (_INVITE[:cut] for cut in range(0, len(_INVITE), 7))
    yield _INVITE.replace(b"Content-Length: 40", b"Content-Length: -1")
    yield _INVITE.replace(b"Content-Length: 40", b"Content-Length: 99999999999999999999")
    yield _INVITE.replace(b"CSeq: 1 INVITE", b"CSeq: 99999999999 BYE")
    yield _INVITE.replace(b"Via:", b"X-Via:")
    yield _INVITE.replace(b"127.0.0.1:9;branch", b"[::1:99999;;;branch")
    yield _INVITE.replace(b"o=- 1", b"o=\xff\xfe\x00")
    yield b"SIP/2.0 200 OK\r\n\r\n"
    yield b"SIP/2.0 999999 \xff\r\nVia: x\r\n\r\n"
    yield b"\r\n\r\n"
    yield b"\x00" * 1400
    for _ in range(200):
        yield dice.randbytes(dice.randrange(1, 1400))
    for _ in range(100):
        torn = bytearray(_INVITE)
        for _ in range(8):
            torn[dice.randrange(len(torn))] = dice.randrange(256)
        yield bytes(torn)


def _bad_rtp(dice: random.Random) -> bytes:
    """A datagram for a media port: noise, a torn header, or well-formed RTP of somebody else."""
    kind = dice.randrange(4)
    if kind == 0:
        return dice.randbytes(dice.randrange(0, 400))
    if kind == 1:
        return (b"\x80\x00" + dice.randbytes(10))[: dice.randrange(1, 12)]
    if kind == 2:
        return b"\xbf\x80" + dice.randbytes(10) + b"\xff\xff\xff\xff"  # promises CSRCs and an extension it has not
    return b"\x80\x00" + dice.randbytes(10) + dice.randbytes(160)


def _media_ports() -> list[int]:
    """The UDP ports in our range that are bound now."""
    lines = Path("/proc/net/udp").read_text().splitlines()[1:]
    bound = (int(line.split()[1].rpartition(":")[2], 16) for line in lines)
    return [port for port in bound if port in RTP_PORTS]


class _Vandal(threading.Thread):
    """Throws garbage at every media port and at the SIP port, from a stranger's socket, until told to stop."""

    def __init__(self, sip_port: int) -> None:
        super().__init__(daemon=True)
        self.thrown = 0
        self._sip_port = sip_port
        self._dice = random.Random(4)
        self._stop_it = threading.Event()

    def run(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
            for datagram in _bad_sip(self._dice):
                wire.sendto(datagram, ("127.0.0.1", self._sip_port))
            while not self._stop_it.wait(0.02):
                for port in _media_ports():
                    wire.sendto(_bad_rtp(self._dice), ("127.0.0.1", port))
                    self.thrown += 1

    def stop(self) -> None:
        self._stop_it.set()
        self.join()


def test_a_call_goes_on_under_a_rain_of_garbage(own: Installation) -> None:
    worker = own.worker_pid()
    calm = own.place(FRIENDLY, variables={"customer_name": "Alex"}).json()["call_id"]
    own.until(calm, {"in_progress"})
    vandal = _Vandal(own.sip_port)
    vandal.start()
    try:
        record = own.finished(calm)
    finally:
        vandal.stop()
    assert vandal.thrown > 500
    assert (record["status"], record["end_reason"]) == ("completed", "agent_disconnected"), record
    heard = [turn["content"] for turn in record["transcript_turns"] if turn["role"] == "user"]
    assert heard[-3:] == ["yes that works", "text message please", "yes that is right"], record["transcript_turns"]
    assert own.worker_pid() == worker
    assert own.finished(own.place(BUSY).json()["call_id"])["status"] == "busy", "and the next call works"
    assert "Traceback" not in (own.data / "logs" / "worker.log").read_text()


def test_calls_of_strangers_are_refused_and_noted(own: Installation) -> None:
    """A well-formed INVITE from nobody we know is asked for a login, makes no call, and stands where operators look."""
    calls = own.get("/v1/calls")["meta"]["total"]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
        wire.bind(("127.0.0.3", 0))
        wire.settimeout(5)
        mine = f"127.0.0.3:{wire.getsockname()[1]}".encode()
        invite = _INVITE.replace(b"127.0.0.1:9", mine).replace(b"Call-ID: bad", b"Call-ID: well-formed")
        wire.sendto(invite, ("127.0.0.1", own.sip_port))
        answer = wire.recv(2000)
    assert answer.split()[1] == b"401", answer
    assert own.get("/v1/calls")["meta"]["total"] == calls
    own.eventually(lambda: "127.0.0.3" in {line["source"] for line in own.get("/v1/refused-calls")["data"]})


# --- disks -----------------------------------------------------------------------------------------------------------


def test_a_full_disk_costs_the_recording_not_the_call(own: Installation) -> None:
    """The file of this call's recording leads to a device that is always full."""
    call_id = own.place(FRIENDLY, variables={"customer_name": "Alex"}).json()["call_id"]
    recordings = own.data / "recordings"
    recordings.mkdir(exist_ok=True)
    (recordings / f"{call_id}.wav").symlink_to("/dev/full")
    record = own.finished(call_id)
    assert (record["status"], record["end_reason"]) == ("completed", "agent_disconnected"), record
    assert "No space left on device" in record["recording_lost"]
    assert record["recording_url"] is None
    told = [event["detail"] for event in own.timeline(call_id) if event["event"] == "trouble"]
    (lost,) = [trouble["message"] for trouble in told if trouble["part"] == "recording"]
    assert "No space left on device" in lost
    gone = own.http.get(f"/v1/calls/{call_id}/recording")
    assert "No space left" in _refused(gone, 404, "Not Found")


def test_all_slots_are_free_again(own: Installation) -> None:
    own.eventually(lambda: own.active_calls() == 0)
