"""The bisection against random histories: with commits that cannot tell, and with failures that come at times only."""

import math
import random

import pytest

from app.domain.bisection import LOOKS, MOST_TRIES, Bisection, FirstBad, Seen


def bisect(length, look, *, known=None):
    """Ask `look` until the bisection is through; return it and how often it was asked."""
    state, asked = known or Bisection(length=length), 0
    while (at := state.next) is not None:
        state = state.told(at, look(at))
        asked += 1
        assert asked <= (LOOKS + 1) * (length + 1), "it goes round"
    return state, asked


@pytest.mark.parametrize("length", range(1, 18))
def test_the_first_bad_patch_is_found_wherever_it_is(length):
    for first in range(1, length + 1):
        state, asked = bisect(length, lambda at, first=first: Seen.BAD if at >= first else Seen.GOOD)
        assert state.answer == FirstBad(good=first - 1, position=first)
        assert state.answer.sure
        assert asked <= 2 + math.ceil(math.log2(length)) + 2 * (LOOKS - 1)
        assert all(len(state.seen[at]) >= LOOKS for at in (first - 1, first))


@pytest.mark.parametrize("seed", range(300))
def test_what_cannot_tell_widens_the_answer_and_never_falsifies_it(seed):
    chance = random.Random(seed)
    length = chance.randint(1, 30)
    first = chance.randint(1, length)
    mute = {at for at in range(1, length) if chance.random() < 0.4}

    def look(at):
        if at in mute:
            return Seen.UNTOLD
        return Seen.BAD if at >= first else Seen.GOOD

    state, _ = bisect(length, look)
    assert state.answer.good < first <= state.answer.position
    assert set(range(state.answer.good + 1, state.answer.position)) <= mute
    assert not {state.answer.good, state.answer.position} & mute


@pytest.mark.parametrize("seed", range(300))
def test_the_last_time_that_it_broke_is_found_where_it_broke_more_than_once(seed):
    """What all trials of single patches have shown already is known: 3 breaks, 5 repairs, 7 breaks it again."""
    chance = random.Random(seed)
    length = chance.randint(2, 20)
    history = [Seen.GOOD, *(chance.choice([Seen.GOOD, Seen.BAD, Seen.UNTOLD]) for _ in range(length - 1)), Seen.BAD]
    known = Bisection(length=length)
    for at, what in enumerate(history):
        known = known.told(at, what)
    state, _ = bisect(length, history.__getitem__, known=known)
    found = state.answer
    assert history[found.good] is Seen.GOOD
    assert history[found.position] is Seen.BAD
    assert Seen.GOOD not in history[found.good + 1 :]


@pytest.mark.parametrize("seed", range(300))
def test_luck_never_makes_an_answer_of_what_was_seen_both_ways(seed):
    chance = random.Random(seed)
    length = chance.randint(1, 20)
    state, _ = bisect(length, lambda _at: chance.choice([Seen.GOOD, Seen.BAD]))
    if state.answer is not None:
        assert set(state.seen[state.answer.good]) == {Seen.GOOD}
        assert set(state.seen[state.answer.position]) == {Seen.BAD}
        assert len(state.seen[state.answer.good]) >= LOOKS
        assert len(state.seen[state.answer.position]) >= LOOKS


def test_a_base_that_fails_as_well_has_no_first_bad_patch():
    state, asked = bisect(8, lambda _at: Seen.BAD)
    assert (state.answer, asked) == (None, 2)


def test_an_end_that_cannot_tell_has_no_answer():
    state, _ = bisect(4, lambda at: Seen.UNTOLD if at == 0 else Seen.BAD)
    assert state.answer is None


def test_a_good_neighbour_that_fails_the_second_time_is_no_neighbour():
    """Position 2 passed by luck: the range grows to where both sides hold."""
    tries = {2: [Seen.GOOD, Seen.BAD]}

    def look(at):
        return tries[at].pop(0) if tries.get(at) else (Seen.BAD if at >= 3 else Seen.GOOD)

    state, _ = bisect(4, look)
    assert state.answer == FirstBad(good=1, position=3)
    assert not state.answer.sure


def test_what_a_single_patch_shows_now_and_then_is_looked_for_in_the_whole():
    looks = {3: [Seen.BAD, Seen.GOOD], 4: [Seen.BAD] * 6 + [Seen.GOOD]}

    def look(at):
        return (looks.get(at) or [Seen.BAD if at >= 3 else Seen.GOOD]).pop(0)

    state, _ = bisect(4, look)
    assert state.by_chance
    assert state.answer is None
    steady, _ = bisect(4, lambda at: Seen.BAD if at >= 3 else Seen.GOOD)
    assert not steady.by_chance


@pytest.mark.parametrize("mute", [2, 3])
def test_a_position_that_tells_once_and_never_again_does_not_hold_the_search_up(mute):
    told = []

    def look(at):
        told.append(at)
        return Seen.UNTOLD if at == mute and told.count(at) > 1 else Seen.BAD if at >= 3 else Seen.GOOD

    state, _ = bisect(4, look)
    assert told.count(mute) == MOST_TRIES
    assert (state.answer.good, state.answer.position) == {2: (1, 3), 3: (2, 4)}[mute]


def test_there_is_no_position_outside_the_series():
    with pytest.raises(ValueError, match="position 5 of a series of 4 patches"):
        Bisection(length=4).told(5, Seen.GOOD)
