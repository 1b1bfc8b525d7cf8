"""Keypad tones inside the audio, for callers whose gateway sends no telephone-events (ITU-T Q.23, Q.24).

One matrix product looks at the eight tones of all calls of a phase at once.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dialnexa.live.line import FRAME_SAMPLES, SAMPLE_RATE
from dialnexa.live.media.tones import COLUMN_HZ, KEYS, ROW_HZ

_BLOCK = 205
"""Samples per look: the classic length that puts all eight tones close to a bin."""
_OVERLAP = _BLOCK - FRAME_SAMPLES
_SHARE = 0.75
"""The pair must hold this share of the energy; speech with a keypad-like pair in it does not."""
_TWIST = 10 ** (8 / 10)
"""The two tones may differ by 8 dB."""
_LEAST_ENERGY = _BLOCK * 0.005**2
"""Quieter than −46 dBFS is no key press."""
_BLOCKS = 2
"""Looks in a row that must agree, before a key counts as pressed and before it counts as released."""
_NONE = -1


def _basis() -> NDArray[np.float32]:
    """Return (205, 16): the cosine and the sine of each tone, scaled so a pure tone's squared sum is its energy."""
    t = np.arange(_BLOCK) / SAMPLE_RATE
    angle = 2 * np.pi * np.outer(t, ROW_HZ + COLUMN_HZ)
    return (np.hstack((np.cos(angle), np.sin(angle))) * np.sqrt(2 / _BLOCK)).astype(np.float32)


class KeypadEar:
    """Listens for keypad tones on the rows (calls) of one phase."""

    def __init__(self) -> None:
        self._basis = _basis()
        self._block = np.zeros((0, _BLOCK), np.float32)
        self._seen = np.zeros(0, np.int64)
        self._run = np.zeros(0, np.int64)
        self._down = np.zeros(0, np.int64)
        self._idle = True
        """Nothing was pressed on any row for long enough that only a key can change anything."""

    def add(self) -> None:
        """Make room for one more row."""
        self._block = np.vstack((self._block, np.zeros((1, _BLOCK), np.float32)))
        self._seen = np.append(self._seen, _NONE)
        self._run = np.append(self._run, 0)
        self._down = np.append(self._down, _NONE)

    def remove(self, row: int) -> None:
        """Take a row out; the last row moves into its place."""
        for rows in (self._block, self._seen, self._run, self._down):
            rows[row] = rows[-1]
        self._block, self._seen = self._block[:-1], self._seen[:-1]
        self._run, self._down = self._run[:-1], self._down[:-1]

    def feed(self, frames: NDArray[np.float32]) -> list[tuple[int, str]]:
        """Take 20 ms of every row (n, 160), in ±1, and return each key pressed just now with its row."""
        block = self._block
        block[:, :_OVERLAP] = block[:, FRAME_SAMPLES:]
        block[:, _OVERLAP:] = frames
        keys = self._keys(block)
        if keys is None:
            if self._idle:
                return []
            keys = np.full(len(block), _NONE, np.int64)
        self._run = np.where(keys == self._seen, self._run + 1, 1)
        self._seen = keys
        settled = (self._run >= _BLOCKS) & (keys != self._down)
        self._down[settled] = keys[settled]
        self._idle = bool((self._seen == _NONE).all() and (self._down == _NONE).all())
        return [(int(row), KEYS[keys[row] // 4][keys[row] % 4]) for row in np.flatnonzero(settled & (keys != _NONE))]

    def _keys(self, block: NDArray[np.float32]) -> NDArray[np.int64] | None:
        """Return the key (row × 4 + column) each block holds, −1 for none; ``None`` when no block holds any."""
        projection = block @ self._basis
        projection *= projection
        energy = np.einsum("ij,ij->i", block, block)
        # All eight tones together are no less than the best two: what fails this is no key, and nearly all speech does.
        likely = np.flatnonzero((energy > _LEAST_ENERGY) & (projection.sum(axis=1) > _SHARE * energy))
        if not likely.size:
            return None
        keys = np.full(len(block), _NONE, np.int64)
        tones = projection[likely, :8] + projection[likely, 8:]
        row, column = tones[:, :4].argmax(axis=1), tones[:, 4:].argmax(axis=1)
        low, high = tones[:, :4].max(axis=1), tones[:, 4:].max(axis=1)
        pair = (low + high > _SHARE * energy[likely]) & (low < _TWIST * high) & (high < _TWIST * low)
        keys[likely[pair]] = (row * 4 + column)[pair]
        return keys
