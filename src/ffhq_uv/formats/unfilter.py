"""The filters of PNG rows, undone, and Paeth's done (PNG specification, chapter 9): RGB pixels of 8 bits a channel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ffhq_uv.kernel import kernel

Bytes = NDArray[np.uint8]

NONE, SUB, UP, AVERAGE, PAETH = range(5)
BAND = 32
"""Rows that are undone at once where all have Paeth's filter, as those of photographs nearly always have.

A pixel waits for its left neighbour, which makes a row slow; but row r + 1 may follow row r a pixel behind. A band's
rows advance together, one pixel each, and their channels are the lanes of one vector.
"""


@kernel
def unfilter(rows: Bytes, pixels: Bytes) -> bool:
    """Undo the filters of rows uint8 [H, 1 + 3 W], each behind its filter's number, into ``pixels`` uint8 [H, 3 W].

    False where a row has a filter that PNG does not have; nothing of ``pixels`` is then to be used.
    """
    height = len(rows)
    lanes = 3 * BAND + 3
    memory = np.zeros((4, lanes), np.int16)
    nothing = np.zeros(pixels.shape[1], np.uint8)
    row = 0
    while row < height:
        above = pixels[row - 1] if row else nothing
        if row + BAND <= height and (rows[row : row + BAND, 0] == PAETH).all():
            _paeth_band(rows[row : row + BAND, 1:], above, pixels[row : row + BAND], memory)
            row += BAND
            continue
        if rows[row, 0] > PAETH:
            return False
        _row(rows[row, 0], rows[row, 1:], above, pixels[row])
        row += 1
    return True


@kernel
def _paeth_band(filtered: Bytes, above: Bytes, pixels: Bytes, memory: NDArray[np.int16]) -> None:
    """Undo Paeth's filter of a band; lanes 0 to 2 are the row above it, three more a row."""
    memory[:] = 0
    before, last, now, given = memory[0], memory[1], memory[2], memory[3]
    count, width = len(filtered), pixels.shape[1] // 3
    for step in range(width + count - 1):
        first, end = max(0, step - width + 1), min(count, step + 1)
        for row in range(first, end):
            at = 3 * (step - row)
            for channel in range(3):
                given[3 * row + channel] = filtered[row, at + channel]
        for channel in range(3):
            if step < width:
                last[channel] = above[3 * step + channel]
        for lane in range(3 * count):
            left, up, corner = last[lane + 3], last[lane], before[lane]
            far = np.int16(left - corner)
            past_left = np.int16(up - corner)
            past_corner = np.int16(abs(np.int16(far + past_left)))
            past_left, past_up = np.int16(abs(past_left)), np.int16(abs(far))
            guess = up if past_up <= past_corner else corner
            guess = left if (past_left <= past_up) & (past_left <= past_corner) else guess
            now[lane + 3] = np.int16((given[lane] + guess) & np.int16(255))
        for row in range(first, end):
            at = 3 * (step - row)
            for channel in range(3):
                pixels[row, at + channel] = now[3 * row + 3 + channel]
        now[3 * end + 3 :] = 0  # rows that have not begun: left of them is nothing
        before, last, now = last, now, before


@kernel
def _row(kind: int, filtered: Bytes, above: Bytes, pixels: Bytes) -> None:
    """Undo the filter of one row [3 W]."""
    for at in range(len(filtered)):
        left = np.int32(pixels[at - 3]) if at > 2 else np.int32(0)
        up, corner = np.int32(above[at]), np.int32(above[at - 3]) if at > 2 else np.int32(0)
        guess = np.int32(0)
        if kind == SUB:
            guess = left
        elif kind == UP:
            guess = up
        elif kind == AVERAGE:
            guess = (left + up) >> 1
        elif kind == PAETH:
            past_left, past_up, past_corner = abs(up - corner), abs(left - corner), abs(left + up - 2 * corner)
            guess = up if past_up <= past_corner else corner
            guess = left if (past_left <= past_up) & (past_left <= past_corner) else guess
        pixels[at] = (np.int32(filtered[at]) + guess) & 255


@kernel
def filter_paeth(pixels: Bytes) -> Bytes:
    """Rows uint8 [H, 3 W] filtered by Paeth's predictor: uint8 [H, 1 + 3 W], each behind the filter's number."""
    height, width = pixels.shape
    rows = np.empty((height, width + 1), np.uint8)
    rows[:, 0] = PAETH
    nothing = np.zeros(width, np.uint8)
    for row in range(height):
        here, above = pixels[row], pixels[row - 1] if row else nothing
        out = rows[row, 1:]
        for k in range(3):
            out[k] = here[k] - above[k]
        value, left, up, corner, line = here[3:], here[:-3], above[3:], above[:-3], out[3:]
        for k in range(len(line)):
            a, b, c = np.int16(left[k]), np.int16(up[k]), np.int16(corner[k])
            across, down = np.int16(b - c), np.int16(a - c)
            past_left, past_up, past_corner = abs(across), abs(down), abs(np.int16(across + down))
            guess = b if past_up <= past_corner else c
            guess = a if (past_left <= past_up) & (past_left <= past_corner) else guess
            line[k] = np.uint8(np.int16(value[k]) - guess)
    return rows
