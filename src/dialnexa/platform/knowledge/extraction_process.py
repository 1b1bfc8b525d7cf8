"""The process that opens an uploaded file: takes it from standard input, writes its text and passages as JSON lines.

Started by ``extraction.py`` as ``python -m``. Its memory and processor time are limited by the system, so a file that
inflates without end ends this process and nothing else.
"""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Iterator, Mapping

import orjson
import pypdfium2 as pdfium  # pyright: ignore[reportMissingTypeStubs]

from dialnexa.kit.errors import DialNexaError
from dialnexa.kit.process import die_with_parent
from dialnexa.platform.knowledge import words
from dialnexa.platform.knowledge.chunks import cut
from dialnexa.platform.knowledge.files import decoded

_MEMORY = 512 * 1024 * 1024
_CPU_S = {"look": 4, "read": 120}
_NICE = {"look": 5, "read": 19}
_MOST_PAGES = 2000
_LOOKED_AT = 20
"""Pages whose text is tried before an upload is accepted."""
_MOST_CHARACTERS = 3_000_000


class _Problem(Exception):
    """Why there is no text; the message is for whoever uploaded the file."""


def main() -> None:
    """Serve one file."""
    parent, job, kind, language = sys.argv[1:5]
    die_with_parent(int(parent))
    os.nice(_NICE[job])
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_S[job], _CPU_S[job] + 1))
    content = sys.stdin.buffer.read()
    try:
        for line in _look(content) if job == "look" else _read(content, kind, language):
            sys.stdout.buffer.write(orjson.dumps(line) + b"\n")
    except _Problem as problem:
        sys.stdout.buffer.write(orjson.dumps({"problem": str(problem)}) + b"\n")


def _look(content: bytes) -> Iterator[Mapping[str, object]]:
    document = _open(content)
    yield {"pages": len(document)}
    for number in range(min(len(document), _LOOKED_AT)):
        _text_of(document, number)


def _read(content: bytes, kind: str, language: str) -> Iterator[Mapping[str, object]]:
    pages = list(_pdf_pages(content)) if kind == "pdf" else _text_pages(content)
    if sum(map(len, pages)) > _MOST_CHARACTERS:
        raise _Problem(f"The document has more than {_MOST_CHARACTERS:,} characters of text. Split it.")
    if not any(page.strip() for page in pages):
        raise _Problem("No text was found. If the pages are scanned, run text recognition (OCR) over them first.")
    yield from ({"page_text": page} for page in pages)
    for piece in cut(pages):
        yield {"page": piece.page, "text": piece.text, "terms": " ".join(words.terms(piece.text, language))}


def _text_pages(content: bytes) -> list[str]:
    try:
        return decoded(content).split("\f")
    except DialNexaError as error:
        raise _Problem("; ".join(error.messages)) from None


def _pdf_pages(content: bytes) -> Iterator[str]:
    document, characters = _open(content), 0
    for number in range(len(document)):
        text = _text_of(document, number)
        characters += len(text)
        if characters > _MOST_CHARACTERS:
            raise _Problem(f"The document has more than {_MOST_CHARACTERS:,} characters of text. Split it.")
        yield text


def _open(content: bytes) -> pdfium.PdfDocument:
    try:
        document = pdfium.PdfDocument(content)
    except pdfium.PdfiumError as error:
        if "password" in str(error).lower():
            raise _Problem("The PDF is locked with a password. Upload it without one.") from None
        raise _Problem("The PDF is damaged and cannot be opened. Print it into a new PDF.") from None
    if not 0 < len(document) <= _MOST_PAGES:
        raise _Problem(f"The PDF has {len(document):,} pages; it must have 1 to {_MOST_PAGES:,}. Split it.")
    return document


def _text_of(document: pdfium.PdfDocument, number: int) -> str:
    """Return a page's text; a page that cannot be read is empty, so that one bad page costs only itself."""
    try:
        page = document[number]
        text: str = page.get_textpage().get_text_range()  # pyright: ignore[reportUnknownMemberType]
        page.close()
    except pdfium.PdfiumError:
        return ""
    # U+FFFE is how the library marks a hyphen at the end of a line; no database keeps NUL.
    return text.replace("\r\n", "\n").replace("\ufffe", "").replace("\0", "").replace("\x02", "")


if __name__ == "__main__":
    main()
