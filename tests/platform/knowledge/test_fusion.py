"""How what words find and what meaning finds become one list."""

from __future__ import annotations

import numpy as np

from dialnexa.platform.knowledge import scale
from dialnexa.platform.knowledge.fusion import Scored, fuse


def scored(**scores: float) -> list[Scored]:
    return [Scored((document, 1), score) for document, score in scores.items()]


def order(words: list[Scored], meaning: list[Scored] | None) -> list[str]:
    return [found.place[0] for found in fuse(words, meaning)]


def test_without_meaning_words_are_all_there_is() -> None:
    assert order(scored(a=0.9, b=0.2), None) == ["a", "b"]
    assert fuse(scored(a=0.9), None)[0].meaning is None


def test_what_both_find_comes_first() -> None:
    found = fuse(scored(a=0.9, b=0.8), scored(c=0.95, b=0.6))
    assert [one.place[0] for one in found] == ["b", "c", "a"]
    assert (found[0].words, found[0].meaning, found[0].score) == (0.8, 0.6, 0.8)
    assert (found[1].words, found[1].meaning, found[1].score) == (0.0, 0.95, 0.95)


def test_a_word_in_common_is_no_reason_to_come_first() -> None:
    assert order(scored(b=0.2, a=0.1), scored(a=0.9, b=0.8)) == ["a", "b"]
    assert order(scored(x=0.3), scored(a=0.2)) == ["a", "x"], "but it is found"


def test_of_equals_the_one_that_scores_more_comes_first() -> None:
    assert order(scored(exact=1.0), scored(vague=0.6)) == ["exact", "vague"]


def test_a_scale_lies_between_texts_that_have_nothing_to_do_with_each_other_and_answers() -> None:
    questions = np.eye(3, dtype=np.float32)
    answers = (0.6 * np.eye(3) + 0.2).astype(np.float32)
    measured = scale.measured(questions, answers)
    assert (round(measured.floor, 6), round(measured.ceiling, 6)) == (0.2, 0.8)
    nearness = np.array([-1, 0.2, 0.5, 0.8, 1], dtype=np.float32)
    assert [round(float(score), 4) for score in measured.scores(nearness)] == [0, 0, 0.5, 1, 1]


def test_a_model_that_sees_no_difference_is_taken_at_its_word() -> None:
    same = np.ones((3, 3), dtype=np.float32)
    assert scale.measured(same, same) == scale.PLAIN
