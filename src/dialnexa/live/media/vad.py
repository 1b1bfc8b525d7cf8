"""Is somebody speaking? Silero VAD at 8 kHz, one model session per worker, one inference for all calls of a phase.

The model looks at 256 samples (32 ms) with 32 samples of context and carries a recurrent state per call.
"""

from __future__ import annotations

from importlib import resources
from typing import Protocol, cast

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from dialnexa.live.line import FRAME_SAMPLES, SAMPLE_RATE

WINDOW_SAMPLES = 256
_CONTEXT = 32
_STATE = 128
_BATCH = 64
"""Larger batches are no cheaper per call, and hold the loop longer."""
_SILENCE_ENERGY = WINDOW_SAMPLES * 0.001**2
"""A window below −60 dBFS while nobody speaks is not worth an inference."""
_QUIET = 0.15
_QUIET_WINDOWS = 8
_RESET_WINDOWS = 62
"""About 2 s: after long silence or music the recurrent state goes deaf, so it is cleared while nobody speaks."""

Floats = NDArray[np.float32]


class _Session(Protocol):
    """What we use of onnxruntime, whose own types are incomplete."""

    def run(self, outputs: None, inputs: dict[str, NDArray[np.generic]]) -> tuple[Floats, Floats]: ...


def _open_session() -> _Session:
    # One thread: with more, onnxruntime's own pool would spin on the core the clock needs.
    options = onnxruntime.SessionOptions()  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    model = resources.files("dialnexa.live.media").joinpath("models/silero_vad.onnx").read_bytes()
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])  # pyright: ignore[reportUnknownArgumentType]
    return cast("_Session", session)


class Silero:
    """The model. It keeps no state of its own; run one inference at a time."""

    def __init__(self) -> None:
        self._session = _open_session()
        self._rate = np.array(SAMPLE_RATE, np.int64)
        # The first inference allocates and is the slowest: have it before the clock runs.
        Silero.run(self, np.zeros((1, _CONTEXT + WINDOW_SAMPLES), np.float32), np.zeros((2, 1, _STATE), np.float32))

    def run(self, windows: Floats, state: Floats) -> tuple[Floats, Floats]:
        """Return the probabilities (n,) and new states (2, n, 128) of windows (n, 32 + 256), in ±1."""
        probability, fresh = self._session.run(None, {"input": windows, "state": state, "sr": self._rate})
        return probability[:, 0], fresh


class VoiceEar:
    """Voice activity on the rows (calls) of one phase.

    All rows share one grid of windows, so that a window is complete for all of them at once; a call that joins
    starts with silence in the part of the window it missed.
    """

    def __init__(self, model: Silero) -> None:
        self._model = model
        self._rows = 0
        self._fill = 0
        self._audio = np.zeros((0, _CONTEXT + WINDOW_SAMPLES + FRAME_SAMPLES), np.float32)
        self._state = np.zeros((2, 0, _STATE), np.float32)
        self._last = np.zeros(0, np.float32)
        self._quiet = np.zeros(0, np.int32)
        self._age = np.zeros(0, np.int32)

    def add(self) -> None:
        """Make room for one more row."""
        self._audio = np.vstack((self._audio, np.zeros((1, self._audio.shape[1]), np.float32)))
        self._state = np.concatenate((self._state, np.zeros((2, 1, _STATE), np.float32)), axis=1)
        self._last = np.append(self._last, np.float32(0))
        self._quiet = np.append(self._quiet, np.int32(0))
        self._age = np.append(self._age, np.int32(0))

    def remove(self, row: int) -> None:
        """Take a row out; the last row moves into its place."""
        for rows in (self._audio, self._last, self._quiet, self._age):
            rows[row] = rows[-1]
        self._state[:, row] = self._state[:, -1]
        self._audio, self._state = self._audio[:-1], self._state[:, :-1]
        self._last, self._quiet, self._age = self._last[:-1], self._quiet[:-1], self._age[:-1]

    def feed(self, frames: Floats) -> tuple[Floats, int] | None:
        """Take 20 ms of every row (n, 160), in ±1.

        When a window is complete: the probability of each row, and how many samples before the end of these frames
        the window ended. ``None`` in between.
        """
        start = _CONTEXT + self._fill
        self._audio[:, start : start + FRAME_SAMPLES] = frames
        self._fill += FRAME_SAMPLES
        if self._fill < WINDOW_SAMPLES:
            return None
        self._fill -= WINDOW_SAMPLES
        probability = self._judge(self._audio[:, : _CONTEXT + WINDOW_SAMPLES])
        keep = _CONTEXT + self._fill
        self._audio[:, :keep] = self._audio[:, WINDOW_SAMPLES : WINDOW_SAMPLES + keep]
        return probability, self._fill

    def _judge(self, windows: Floats) -> Floats:
        recent = windows[:, _CONTEXT:]
        heard = (np.einsum("ij,ij->i", recent, recent) > _SILENCE_ENERGY) | (self._last > _QUIET)
        rows = np.flatnonzero(heard)
        probability = np.zeros(len(windows), np.float32)
        self._state[:, ~heard] = 0
        for first in range(0, len(rows), _BATCH):
            some = rows[first : first + _BATCH]
            probability[some], self._state[:, some] = self._model.run(windows[some], self._state[:, some])
        self._refresh(probability)
        self._last = probability
        return probability

    def _refresh(self, probability: Floats) -> None:
        """Clear states that are old, once the row has been quiet for a while."""
        self._quiet = np.where(probability < _QUIET, self._quiet + 1, 0)
        self._age += 1
        stale = (self._age >= _RESET_WINDOWS) & (self._quiet >= _QUIET_WINDOWS)
        if np.count_nonzero(stale):
            self._state[:, stale] = 0
            self._age[stale] = 0
