"""What may be uploaded: PDF and plain text, as what they say they are, and no larger than 10 MB."""

from __future__ import annotations

import codecs
import unicodedata
from typing import Literal

from dialnexa.kit.errors import BadRequest, PayloadTooLarge

Kind = Literal["pdf", "txt"]
LARGEST = 10 * 1024 * 1024
"""Bytes of one file."""
MEDIA_TYPES: dict[Kind, str] = {"pdf": "application/pdf", "txt": "text/plain; charset=utf-8"}
_PDF = b"%PDF-"
_HEADER_WITHIN = 1024
"""Readers look for a PDF's header in its first kilobyte."""
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_LAYOUT = "\n\r\t\f"


def kind_of(file_name: str, content: bytes) -> Kind:
    """Return what a file is, by its name and by its bytes; raise ``BadRequest`` where the two disagree."""
    if len(content) > LARGEST:
        raise PayloadTooLarge(f"The file has {len(content):,} bytes; the most is {LARGEST:,} (10 MB). Split it.")
    if not content.strip():
        raise BadRequest(["file should not be empty"])
    ending = file_name.rpartition(".")[2].lower() if "." in file_name else ""
    is_pdf = _PDF in content[:_HEADER_WITHIN]
    if ending == "pdf" and not is_pdf:
        raise BadRequest([f'file "{file_name}" is not a PDF, although its name says so'])
    if ending in {"txt", "text", "md"} and is_pdf:
        raise BadRequest(
            [f'file "{file_name}" is a PDF, although its name says text; give it a name that ends in .pdf']
        )
    if is_pdf and ending == "pdf":
        return "pdf"
    if ending in {"txt", "text", "md"}:
        decoded(content)
        return "txt"
    raise BadRequest([f'file "{file_name}" must be a PDF (.pdf) or plain text (.txt)'])


def decoded(content: bytes) -> str:
    """Return the text of a text file: UTF-8, UTF-16 with its mark, else Windows-1252; ``BadRequest`` for binaries."""
    try:
        text = content.decode("utf-16" if content.startswith(_UTF16) else "utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", errors="replace")
    sample = text[:100_000]
    strange = sum(unicodedata.category(letter) in {"Cc", "Cn"} and letter not in _LAYOUT for letter in sample)
    if "\0" in text or strange + sample.count("\ufffd") > len(sample) // 50:
        raise BadRequest(["file is not plain text; save it as UTF-8 text, or upload a PDF"])
    return text.replace("\r\n", "\n").replace("\r", "\n")
