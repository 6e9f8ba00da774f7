"""Deflate by Huffman codes alone (RFC 1951): what photographs need once their rows are filtered, where no run repeats.

Every block has a code of its own. Distances are not used; two of them get a code, as zlib gives them one, since not
every reader likes an empty one. The lengths of the codes are written plainly, four bits each.
"""

from __future__ import annotations

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

from ffhq_uv.kernel import kernel

BLOCK = 1 << 16
"""Bytes that share a code."""
LONGEST = 15
"""Bits of a code at most."""
SYMBOLS = 257
"""The bytes, and the end of a block."""
HEADER = 256
"""Bytes that are enough for a block's header, its end and the first incomplete word."""
_LENGTHS_ORDER = (16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15)
"""In which order the lengths of the code for lengths are written (RFC 1951, 3.2.7)."""


def zlib_stream(data: NDArray[np.uint8]) -> bytes:
    """Bytes [K] as a zlib stream (RFC 1950)."""
    blocks = -(-len(data) // BLOCK) or 1
    words = np.empty((len(data) * LONGEST // 8 + blocks * HEADER) // 4, np.uint32)
    used = _deflate(data, words, np.array(_LENGTHS_ORDER))
    packed = words[: (used + 31) // 32].astype("<u4").tobytes()[: (used + 7) // 8]
    return b"\x78\x01" + packed + isal_zlib.adler32(data).to_bytes(4, "big")


@kernel
def _deflate(data: NDArray[np.uint8], out: NDArray[np.uint32], order: NDArray[np.int64]) -> int:
    """Write all blocks into ``out``, from the lowest bit on; returns how many bits that were."""
    word, held, bits = 0, np.uint64(0), np.uint64(0)
    u32, lengths = np.uint64(32), np.empty(SYMBOLS, np.int64)
    blocks = max(1, (len(data) + BLOCK - 1) // BLOCK)
    for block in range(blocks):
        part = data[block * BLOCK : (block + 1) * BLOCK]
        _code_lengths(part, lengths)
        codes = _codes(lengths)
        header = _header(lengths, order, block == blocks - 1)
        for bit in header:
            held |= np.uint64(bit) << bits
            bits += np.uint64(1)
            if bits == u32:
                out[word] = np.uint32(held)
                word, held, bits = word + 1, np.uint64(0), np.uint64(0)
        for byte in part:
            code = codes[byte]
            held |= (code >> np.uint64(4)) << bits
            bits += code & np.uint64(15)
            if bits >= u32:
                out[word] = np.uint32(held & np.uint64(0xFFFFFFFF))
                word, held, bits = word + 1, held >> u32, bits - u32
        code = codes[SYMBOLS - 1]
        held |= (code >> np.uint64(4)) << bits
        bits += code & np.uint64(15)
        if bits >= u32:
            out[word] = np.uint32(held & np.uint64(0xFFFFFFFF))
            word, held, bits = word + 1, held >> u32, bits - u32
    out[word] = np.uint32(held)
    return 32 * word + int(bits)


@kernel
def _header(lengths: NDArray[np.int64], order: NDArray[np.int64], last: bool) -> NDArray[np.uint8]:
    """The bits of a block's header: 257 literals and 2 distances, their lengths as four bits each."""
    bits = np.zeros(3 + 14 + 3 * 19 + 4 * (SYMBOLS + 2), np.uint8)
    bits[0], bits[2] = last, 1  # a code of its own
    bits[8] = 1  # two distances
    bits[13:17] = 1  # all 19 lengths of the code for lengths
    at = 17
    for k in range(len(order)):
        bits[at + 2] = order[k] < 16  # 4
        at += 3
    for symbol in range(SYMBOLS + 2):
        length = lengths[symbol] if symbol < SYMBOLS else 1
        for k in range(4):
            bits[at + k] = (length >> (3 - k)) & 1
        at += 4
    return bits


@kernel
def _code_lengths(part: NDArray[np.uint8], lengths: NDArray[np.int64]) -> None:
    """How many bits every symbol's code has, 0 for none; into ``lengths`` [257] (Huffman 1952).

    Where one would be too long, rare symbols are taken to be less rare.
    """
    counts = np.zeros(SYMBOLS, np.int64)
    for byte in part:
        counts[byte] += 1
    counts[SYMBOLS - 1] = 1
    if len(part) == 0:
        counts[0] = 1  # a code has two symbols at least
    while True:
        _huffman(counts, lengths)
        if lengths.max() <= LONGEST:
            return
        counts = (counts + 1) // 2


@kernel
def _huffman(counts: NDArray[np.int64], lengths: NDArray[np.int64]) -> None:
    """The lengths of an optimal code: the two rarest nodes become one, until there is but one."""
    symbols = np.flatnonzero(counts)
    symbols = symbols[np.argsort(counts[symbols], kind="mergesort")]
    leaves = len(symbols)
    weight, parent = np.empty(2 * leaves - 1, np.int64), np.zeros(2 * leaves - 1, np.int64)
    weight[:leaves] = counts[symbols]
    leaf, node = 0, leaves  # the rarest of each kind; both come in order
    for new in range(leaves, 2 * leaves - 1):
        weight[new] = 0
        for _ in range(2):
            if leaf < leaves and (node == new or weight[leaf] <= weight[node]):
                rarest, leaf = leaf, leaf + 1
            else:
                rarest, node = node, node + 1
            weight[new] += weight[rarest]
            parent[rarest] = new
    depth = np.zeros(2 * leaves - 1, np.int64)
    for below in range(2 * leaves - 3, -1, -1):
        depth[below] = depth[parent[below]] + 1
    lengths[:] = 0
    lengths[symbols] = depth[:leaves]


@kernel
def _codes(lengths: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Every symbol's code, its first bit lowest, and in the lowest four bits its length (RFC 1951, 3.2.2)."""
    codes = np.zeros(len(lengths), np.uint64)
    code = 0
    for length in range(1, LONGEST + 1):
        code <<= 1
        for symbol in range(len(lengths)):
            if lengths[symbol] != length:
                continue
            turned = 0
            for k in range(length):
                turned |= ((code >> k) & 1) << (length - 1 - k)
            codes[symbol] = np.uint64(turned << 4 | length)
            code += 1
    return codes
