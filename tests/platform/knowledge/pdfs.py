"""PDF files made by hand: honest ones, and those that people should not send."""

from __future__ import annotations

import zlib
from collections.abc import Sequence


def pdf(pages: Sequence[str], *, count: int | None = None) -> bytes:
    """Return a PDF that says one line on each page; ``count`` lies about how many there are."""
    return _whole([_stream(f"BT /F1 12 Tf 72 720 Td ({_escaped(text)}) Tj ET".encode()) for text in pages], "", count)


def bomb(megabytes: int) -> bytes:
    """Return a small PDF whose page unpacks to that much."""
    operators = b"BT /F1 1 Tf " + b"(A) Tj\n" * (megabytes * 1024 * 1024 // 7) + b"ET"
    packed = zlib.compress(operators, 1)
    body = f"<< /Length {len(packed)} /Filter /FlateDecode >>\nstream\n".encode() + packed + b"\nendstream"
    return _whole([body], "", None)


def locked() -> bytes:
    """Return a PDF that opens with a password only."""
    owner, user, name = "11" * 32, "22" * 32, "33" * 16
    guard = f"/Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O <{owner}> /U <{user}> >> /ID [<{name}> <{name}>]"
    return _whole([_stream(b"BT ET")], guard, None)


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")


def _stream(content: bytes) -> bytes:
    return f"<< /Length {len(content)} >>\nstream\n".encode() + content + b"\nendstream"


def _whole(streams: Sequence[bytes], trailer: str, count: int | None) -> bytes:
    pages = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(streams)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{pages}] /Count {count or len(streams)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for number, stream in enumerate(streams):
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {5 + 2 * number} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>".encode()
        )
        objects.append(stream)
    out, offsets = b"%PDF-1.4\n", list[int]()
    for number, one in enumerate(objects, 1):
        offsets.append(len(out))
        out += f"{number} 0 obj\n".encode() + one + b"\nendobj\n"
    table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    size = len(objects) + 1
    end = f"xref\n0 {size}\n0000000000 65535 f \n{table}trailer\n<< /Size {size} /Root 1 0 R {trailer} >>\n"
    return out + f"{end}startxref\n{len(out)}\n%%EOF\n".encode()
