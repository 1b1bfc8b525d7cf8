"""Cutting documents into passages."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from dialnexa.platform.knowledge.chunks import CHUNK_WORDS, OVERLAP_WORDS, cut, sentences


def lines(first: int, last: int) -> str:
    return " ".join(f"Sentence number {number} has exactly eight words here." for number in range(first, last))


def test_a_short_text_is_one_passage() -> None:
    (piece,) = cut(["We open at nine.\nWe close at six."])
    assert (piece.text, piece.page) == ("We open at nine. We close at six.", 1)


def test_passages_are_whole_sentences_and_share_their_edges() -> None:
    pieces = cut([lines(0, 100)])
    assert len(pieces) > 3
    for before, after in itertools.pairwise(pieces):
        assert len(before.text.split()) <= CHUNK_WORDS
        assert before.text.endswith("here.")
        shared = sentences(after.text)[0]
        assert before.text.count(shared) == 1
        overlap = before.text[before.text.index(shared) :]
        assert len(overlap.split()) <= OVERLAP_WORDS
        assert after.text.startswith(overlap)


def test_a_passage_tells_the_page_it_begins_on() -> None:
    pieces = cut([lines(0, 30), lines(30, 60), lines(60, 90)])
    assert pieces[0].page == 1
    for piece in pieces:
        number = int(piece.text.split()[2])
        assert piece.page == number // 30 + 1


def test_lists_without_full_stops_are_cut_all_the_same() -> None:
    pieces = cut([" ".join(f"item{number}" for number in range(1000))])
    assert all(len(piece.text.split()) <= CHUNK_WORDS for piece in pieces)
    assert len(pieces) > 4


def test_abbreviations_end_no_sentence() -> None:
    assert sentences("Dr. Miller is in. Call at 9 a.m. or so! Yes?") == [
        "Dr. Miller is in.",
        "Call at 9 a.m. or so!",
        "Yes?",
    ]


@given(st.lists(st.text(alphabet="ab .\n\f", max_size=400), max_size=4))
def test_no_word_is_lost(pages: list[str]) -> None:
    said = " ".join(piece.text for piece in cut(pages)).split()
    assert set(said) == {word for page in pages for word in page.split()}
