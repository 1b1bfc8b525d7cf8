"""What a score says."""

from __future__ import annotations

from dialnexa.platform.knowledge import ranking, words
from dialnexa.platform.knowledge.ranking import Candidate


def ask(question: str, passages: list[str]) -> list[tuple[int, float]]:
    """Rank passages as search does, all of them candidates."""
    terms = words.question_terms(question)
    cut = [words.terms(passage) for passage in passages]
    found_in = {term: sum(term in one for one in cut) for term in terms}
    weighed = ranking.weights(terms, found_in, len(passages))
    ranked = ranking.rank(weighed, [Candidate(number, " ".join(one)) for number, one in enumerate(cut)])
    return [(one.number, one.score) for one in ranked]


PASSAGES = [
    "Teeth cleaning costs eighty dollars.",
    "We are open Monday to Friday.",
    "Our practice is in Mill Street, and parking is free.",
    "Dr. Miller speaks German and French.",
]


def test_a_passage_with_every_word_that_matters_scores_one() -> None:
    assert ask("So, um, what does a cleaning cost?", PASSAGES)[0] == (0, 1.0)


def test_a_passage_with_half_of_them_scores_in_between() -> None:
    ((number, score),) = ask("Is parking dangerous?", PASSAGES)
    assert number == 2
    assert 0.4 < score < 0.8


def test_rare_words_count_more_than_common_ones() -> None:
    passages = [f"We sell bread number {number}." for number in range(20)] + ["We repair shoes."]
    ranked = dict(ask("sell shoes", passages))
    assert ranked[20] > ranked[0]


def test_nothing_in_common_is_not_found() -> None:
    assert ask("xylophone", PASSAGES) == []


def test_of_equals_the_one_that_is_about_it_comes_first() -> None:
    passages = ["Refunds. Refunds take a week.", "We sell many things, and there may be refunds, too, now and then."]
    assert [number for number, _ in ask("refunds", passages)] == [0, 1]


def test_words_are_found_in_all_their_forms_and_languages() -> None:
    assert words.question_terms("Could you tell me the OPENING hours?") == words.question_terms("open hour")
    assert words.terms("Öffnungszeiten", "de-AT") == words.terms("ÖFFNUNGSZEIT", "de")
    assert words.terms("नमस्ते दुनिया", "hi") == words.terms("नमस्ते दुनिया", "hi-IN")
    assert len(words.terms("नमस्ते दुनिया", "xx")) == 2
    assert words.question_terms("who are you") == ["who", "are", "you"]
