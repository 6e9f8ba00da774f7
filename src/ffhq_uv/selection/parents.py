"""Who is mixed with whom inside a category: no pair twice before its time, everybody equally often.

Two parents. The pairs of n members are numbered so that after any number of them no two members have been
used a different number of times by more than one; pair e is computed, not remembered. For even n they are the
rounds of a round-robin tournament (each a perfect matching); for odd n Walecki's Hamiltonian cycles, each
walked in steps of two edges. Names are drawn: a random permutation says who plays which part, anew for every
pass over all pairs.

More parents. Shuffled decks of all members are dealt out, the last cards of a deck together with the first of
the next, which keeps the use even in the same sense. In place of a set that was dealt before, cards are
swapped with other rows of the deck, a bounded number of times: sets repeat only when fresh ones are scarce.
"""

from __future__ import annotations

from math import comb

import numpy as np
from numpy.typing import NDArray

_SWAPS = 100  # tries to turn a set that was dealt before into a fresh one


def draw_parents(members: int, count: int, parents: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Parents of ``count`` new samples, int64 [count, parents]: numbers of members, distinct within a row.

    A longer draw begins with the shorter one. Raises ValueError for fewer members than parents.
    """
    if not 2 <= parents <= members:
        raise ValueError(f"parents: {parents} found, 2 to {members} (the members) expected")
    if parents == 2:
        return _pairs(members, count, rng)
    return _decks(members, count, parents, rng)


def _pairs(members: int, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    every = comb(members, 2)
    number = np.arange(count) % every
    parts = _round_robin(members, number) if members % 2 == 0 else _walecki(members, number)
    names = np.stack([rng.permutation(members) for _ in range(-(-count // every))] or [np.arange(members)])
    return names[np.arange(count)[:, None] // every, parts]


def _round_robin(members: int, number: NDArray[np.int64]) -> NDArray[np.int64]:
    """Pair ``number`` of an even number of members, int64 [k, 2]: game ``number`` of the circle method."""
    games = members // 2
    turn, game = np.divmod(number, games)
    around = members - 1
    one = np.where(game == 0, around, (turn + game) % around)  # the last member stands in the middle
    return np.stack([one, (turn - game) % around], axis=1)


def _walecki(members: int, number: NDArray[np.int64]) -> NDArray[np.int64]:
    """Pair ``number`` of an odd number of members, int64 [k, 2]: an edge of one of Walecki's cycles."""
    cycle, step = np.divmod(number, members)
    edge = 2 * step % members
    around = members - 1

    def vertex(place: NDArray[np.int64]) -> NDArray[np.int64]:
        # the last member, then a zigzag about the circle of the others: 0, 1, -1, 2, -2, ...
        zigzag = np.where(place % 2 == 0, place // 2, -(place // 2))
        return np.where(place == 0, around, (cycle + zigzag) % around)

    return np.stack([vertex(edge), vertex((edge + 1) % members)], axis=1)


def _decks(members: int, count: int, parents: int, rng: np.random.Generator) -> NDArray[np.int64]:
    every = comb(members, parents)
    dealt: set[frozenset[int]] = set()
    rows: list[list[int]] = []
    left: list[int] = []  # undealt cards of the last deck
    while len(rows) < count:
        deck = rng.permutation(members)
        # who is left from the last deck must not meet himself: the first row is filled up with others
        other = ~np.isin(deck, left)
        first = parents - len(left)
        cards = [*left, *deck[other][:first], *rng.permutation([*deck[other][first:], *deck[~other]])]
        whole = len(cards) // parents * parents
        hand = [list(map(int, cards[start : start + parents])) for start in range(0, whole, parents)]
        for place, row in enumerate(hand):
            if frozenset(row) in dealt:
                _swap_until_fresh(hand, place, len(left), dealt, rng)
        for row in hand:
            dealt.add(frozenset(row))
            if len(dealt) == every:
                dealt.clear()
        rows += hand
        left = [int(card) for card in cards[whole:]]
    return np.array(rows[:count], dtype=np.int64).reshape(-1, parents)


def _swap_until_fresh(
    hand: list[list[int]], place: int, fixed: int, dealt: set[frozenset[int]], rng: np.random.Generator
) -> None:
    """Swap cards of a row with others until neither was dealt before, but for ``fixed`` of the first."""
    parents = len(hand[0])
    for other, mine, yours in rng.integers(0, (len(hand), parents, parents), (_SWAPS, 3)).tolist():
        if other == place or (place == 0 and mine < fixed) or (other == 0 and yours < fixed):
            continue
        row, partner = hand[place].copy(), hand[other].copy()
        row[mine], partner[yours] = partner[yours], row[mine]
        sets = frozenset(row), frozenset(partner)
        if all(len(cards) == parents and cards not in dealt for cards in sets):
            hand[place], hand[other] = row, partner
            return
