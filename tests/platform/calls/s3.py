"""A small S3: PUT (also in parts), GET with ranges, HEAD and DELETE over HTTP, every request's signature checked.

The signature is Amazon's version 4 (AWS General Reference, "Signature Version 4 signing process"), worked out anew from
what arrived, so a client that signs wrongly gets 403 as it would there.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import threading
from collections.abc import Generator
from contextlib import contextmanager
from html import escape, unescape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, quote, unquote, urlsplit

KEY_ID, SECRET, REGION, BUCKET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG", "eu-central-1", "calls"
_AUTHORIZATION = re.compile(r"AWS4-HMAC-SHA256 Credential=([^,]+), ?SignedHeaders=([^,]+), ?Signature=(\w+)")


class FakeS3:
    """One bucket. ``away`` makes it answer 503 to everything."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.parts: dict[str, dict[int, bytes]] = {}
        self.requests: list[str] = []
        self.refused: list[str] = []
        """Why requests were answered 403."""
        self.away = False
        self._server: ThreadingHTTPServer | None = None
        self.port = 0

    @property
    def environment(self) -> dict[str, str]:
        """What a client needs to know, in the usual variables."""
        return {
            "AWS_ACCESS_KEY_ID": KEY_ID,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
        }

    @contextmanager
    def serving(self) -> Generator[FakeS3]:
        """Listen on a port of its own while the block lasts."""
        handler = type("Handler", (_Handler,), {"s3": self})
        with ThreadingHTTPServer(("127.0.0.1", self.port), handler) as server:
            self.port = server.server_address[1]
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
            thread.start()
            try:
                yield self
            finally:
                server.shutdown()
                thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    s3: FakeS3

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    def _answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if "Content_Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _take(self) -> tuple[str, dict[str, str], bytes] | None:
        """Read a request; answer it and return ``None`` when it may not be served."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        self.s3.requests.append(f"{self.command} {parts.path}")
        if self.s3.away:
            self._answer(503)
            return None
        if why := _forged(self.command, parts.path, parts.query, dict(self.headers.items()), body):
            self.s3.refused.append(why)
            self._answer(403, b"<Error><Code>SignatureDoesNotMatch</Code></Error>")
            return None
        bucket, _, key = unquote(parts.path).lstrip("/").partition("/")
        if bucket != BUCKET:
            self._answer(404, b"<Error><Code>NoSuchBucket</Code></Error>")
            return None
        return key, dict(parse_qsl(parts.query, keep_blank_values=True)), body

    def do_PUT(self) -> None:
        if not (taken := self._take()):
            return
        key, query, body = taken
        if "partNumber" in query:
            self.s3.parts[query["uploadId"]][int(query["partNumber"])] = body
        else:
            self.s3.objects[key] = body
        self._answer(200, ETag=f'"{hashlib.md5(body).hexdigest()}"')

    def do_POST(self) -> None:
        if not (taken := self._take()):
            return
        key, query, body = taken
        if "delete" in query:
            gone = [unescape(found) for found in re.findall(r"<Key>(.*?)</Key>", body.decode())]
            for each in gone:
                self.s3.objects.pop(each, None)
            named = "".join(f"<Deleted><Key>{escape(each)}</Key></Deleted>" for each in gone)
            self._answer(200, f"<DeleteResult>{named}</DeleteResult>".encode())
        elif "uploads" in query:
            self.s3.parts[key] = {}
            named = f"<UploadId>{key}</UploadId>".encode()
            self._answer(200, b"<InitiateMultipartUploadResult>" + named + b"</InitiateMultipartUploadResult>")
        else:
            parts = self.s3.parts.pop(query["uploadId"])
            self.s3.objects[key] = b"".join(parts[number] for number in sorted(parts))
            self._answer(200, b'<CompleteMultipartUploadResult><ETag>"x"</ETag></CompleteMultipartUploadResult>')

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        if not (taken := self._take()):
            return
        data = self.s3.objects.get(taken[0])
        if data is None:
            self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
            return
        about = {"ETag": '"x"', "Last_Modified": "Sat, 23 May 2026 12:00:00 GMT"}
        if wanted := re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range") or ""):
            start, end = int(wanted[1]), min(int(wanted[2]) + 1, len(data))
            about["Content_Range"] = f"bytes {start}-{end - 1}/{len(data)}"
            self._answer(206, data[start:end], **about)
        else:
            self._answer(200, data, **about, Content_Length=str(len(data)))

    def do_DELETE(self) -> None:
        if taken := self._take():
            self.s3.objects.pop(taken[0], None)
            self._answer(204)


def _forged(method: str, path: str, query: str, headers: dict[str, str], body: bytes) -> str:
    """Return what is wrong with a request's signature; empty when it is right."""
    sent = {name.lower(): " ".join(value.split()) for name, value in headers.items()}
    found = _AUTHORIZATION.fullmatch(sent.get("authorization", ""))
    if found is None:
        return "it is not signed"
    scope = found[1].split("/")
    if scope[:1] != [KEY_ID] or scope[2:] != [REGION, "s3", "aws4_request"]:
        return f"it is signed for {found[1]}"
    payload = sent.get("x-amz-content-sha256", "")
    if payload not in ("UNSIGNED-PAYLOAD", hashlib.sha256(body).hexdigest()):
        return "its body is not the one that was signed"
    names = found[2].split(";")
    if "host" not in names:
        return "its host is not signed"
    asked = sorted((quote(name, "-_.~"), quote(value, "-_.~")) for name, value in parse_qsl(query, True))
    canonical = "\n".join(
        [
            method,
            path,
            "&".join(f"{name}={value}" for name, value in asked),
            *(f"{name}:{sent.get(name, '')}" for name in names),
            "",
            found[2],
            payload,
        ]
    )
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = "\n".join(["AWS4-HMAC-SHA256", sent.get("x-amz-date", ""), "/".join(scope[1:]), digest])
    key = f"AWS4{SECRET}".encode()
    for part in scope[1:]:
        key = hmac.digest(key, part.encode(), "sha256")
    right = hmac.new(key, text.encode(), "sha256").hexdigest()
    return "" if hmac.compare_digest(right, found[3]) else "its signature is wrong"
