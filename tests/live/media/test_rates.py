"""Between 8 and 16 kHz, frame by frame."""

from __future__ import annotations

import numpy as np
import pytest
from tests.live.media.speech import SPEECH, snr_db

from dialnexa.live.media.rates import Doubler, Halver
from dialnexa.live.media.tones import tone


@pytest.mark.parametrize("size", [1, 7, 80, 160, 1000])
def test_pieces_of_any_size_give_what_the_whole_gives(size):
    some = SPEECH[8000:12000]
    doubler, halver = Doubler(), Halver()
    wide = [doubler.feed(some[start : start + size]) for start in range(0, len(some), size)]
    narrow = [halver.feed(piece) for piece in wide]
    whole = Doubler().feed(some)
    assert np.abs(np.concatenate(wide) - whole.astype(int)).max() <= 1, "but for the rounding of single sums"
    assert np.abs(np.concatenate(narrow) - Halver().feed(whole).astype(int)).max() <= 1
    assert len(np.concatenate(narrow)) == len(some)


def test_speech_comes_back_as_it_went():
    assert snr_db(SPEECH, Halver().feed(Doubler().feed(SPEECH))) > 25


@pytest.mark.parametrize(("hz", "least", "most"), [(300, 0.99, 1.01), (3300, 0.95, 1.01)])
def test_the_voice_band_keeps_its_level(hz, least, most):
    out = Halver().feed(Doubler().feed(tone((hz,), 1)))[500:]
    assert least < out.std() / tone((hz,), 1)[500:].std() < most


def test_what_is_above_the_telephone_does_not_fold_back():
    t = np.arange(16000) / 16000
    for hz in (5000, 7000):
        assert Halver().feed((16000 * np.sin(2 * np.pi * hz * t)).astype(np.int16))[200:].std() < 16


def test_the_loudest_sample_is_clipped_and_does_not_wrap():
    square = np.repeat(np.array([32767, -32768] * 20, np.int16), 40)
    wide = Doubler().feed(square).astype(int)
    assert np.abs(np.diff(wide)).max() < 65536
    assert np.sign(wide[64:104:8]).tolist() == np.sign(square[16:36:4].astype(int)).tolist()
