"""Codes that are people: the read-out is linear, inverts the encoding, and respects the layer groups."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ffhq_uv.studio.codes import LAYERS, PARAMETERS, WIDTH, encode, read, turned
from ffhq_uv.studio.person import BADLY_LIT, HIDDEN_SKIN, SMILING, draw, person
from ffhq_uv.studio.publish import normalised, photographed


@pytest.mark.parametrize("seed", range(3))
def test_what_was_encoded_is_read_back(seed: int) -> None:
    wanted = draw((9, seed), normalised=seed == 0)
    found = read(encode(wanted, (9, seed)))
    for name, value in wanted.items():
        np.testing.assert_allclose(found[name], np.atleast_1d(value), atol=2e-5, err_msg=name)


def test_what_was_not_encoded_reads_as_its_offset() -> None:
    found = read(encode({}, (1,)))
    for p in PARAMETERS:
        np.testing.assert_allclose(found[p.name], np.broadcast_to(p.offset, p.count), atol=2e-5, err_msg=p.name)


def test_an_unknown_parameter_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="jaw_colour"):
        encode({"jaw_colour": 1.0}, (1,))


@settings(max_examples=20, deadline=None)
@given(st.floats(-0.5, 1.5), st.integers(0, 50), st.integers(0, 50))
def test_reading_is_linear(weight: float, one: int, other: int) -> None:
    a, b = photographed(1, one).astype(np.float64), photographed(1, other).astype(np.float64)
    mixed, first, second = read(weight * a + (1 - weight) * b), read(a), read(b)
    for name, value in mixed.items():
        np.testing.assert_allclose(value, weight * first[name] + (1 - weight) * second[name], atol=1e-9)


@pytest.mark.parametrize("parameter", PARAMETERS, ids=lambda p: p.name)
def test_a_parameter_lives_in_its_layers_only(parameter) -> None:
    base, changed = encode({}, (4,)), encode({parameter.name: np.full(parameter.count, 1.5)}, (4,))
    layers = np.flatnonzero((base != changed).any(1))
    assert layers.tolist() == list(range(parameter.first, parameter.last + 1))
    before, after = read(base), read(changed)
    for name, value in before.items():
        if name != parameter.name:
            np.testing.assert_allclose(after[name], value, atol=2e-5, err_msg=name)


def test_groups_follow_the_published_table_of_edits() -> None:
    layers = {p.name: (p.first, p.last) for p in PARAMETERS}
    table = {"yaw": (0, 3), "pitch": (0, 3), "light": (7, 11), "gender": (0, 7), "beard": (5, 9), "age": (4, 7)}
    assert {name: layers[name] for name in table} == table
    assert all(layers[name] == (0, 5) for name in ("fringe", "strand", "hair_volume", "hairline"))  # baldness


def test_views_differ_only_in_the_first_four_layers_and_only_in_yaw() -> None:
    left, front, right = normalised(5, 2)
    for view, yaw in ((left, 30.0), (right, -30.0)):
        assert (view[4:] == front[4:]).all()
        assert (view[:4] != front[:4]).any()
        there, here = read(view), read(front)
        assert there["yaw"][0] - here["yaw"][0] == pytest.approx(yaw, abs=1e-3)
        for name in here.keys() - {"yaw"}:
            np.testing.assert_allclose(there[name], here[name], atol=1e-5)


def test_turning_twice_is_turning_once_by_the_sum() -> None:
    front = photographed(2, 0)
    np.testing.assert_allclose(turned(turned(front, 10), 20), turned(front, 30), atol=1e-6)


def test_codes_have_the_spread_of_w_codes_and_individuals_differ() -> None:
    codes = np.stack([photographed(1, k) for k in range(20)])
    assert codes.shape[1:] == (LAYERS, WIDTH)
    assert codes.dtype == np.float32
    assert 0.2 < codes.std() < 1.5
    assert (np.linalg.norm(codes[1:] - codes[:-1], axis=(1, 2)) > 10).all()


def test_the_same_person_normalised_and_photographed() -> None:
    a, b = read(normalised(7, 4)[1]), read(photographed(7, 4))
    for name in ("gender", "identity", "age", "beard", "melanin", "moles", "iris"):
        np.testing.assert_allclose(a[name], b[name], atol=1e-4)
    assert np.abs(a["yaw"]).max() < 1e-3
    assert np.abs(b["yaw"]).max() > 0.1


def test_a_mixture_of_people_lies_between_them() -> None:
    a, b = normalised(7, 0)[1], normalised(7, 1)[1]
    ages = [person((1 - t) * a + t * b).age for t in np.linspace(0, 1, 6, dtype=np.float32)]
    assert np.all(np.diff(ages) * np.sign(ages[-1] - ages[0]) > 0)


@pytest.mark.slow
def test_faults_have_their_published_shares_and_are_independent() -> None:
    people = [person(normalised(11, k)[1]) for k in range(600)]
    lit = np.array([p.uneven_light >= BADLY_LIT for p in people])
    smiling = np.array([p.smile >= SMILING for p in people])
    hidden = np.array([p.hidden_skin >= HIDDEN_SKIN for p in people])
    assert 0.16 < lit.mean() < 0.27
    assert 0.10 < smiling.mean() < 0.20
    assert 0.10 < hidden.mean() < 0.20
    assert abs(np.corrcoef(lit, smiling)[0, 1]) < 0.12
    assert abs(np.corrcoef(lit, hidden)[0, 1]) < 0.12


def test_skin_covers_the_human_range() -> None:
    melanin = np.array([person(photographed(1, k)).melanin for k in range(300)])
    assert melanin.min() < 0.05
    assert melanin.max() > 0.75


def test_a_code_that_is_not_finite_is_refused() -> None:
    code = photographed(1, 1)
    code[3, 3] = np.nan
    with pytest.raises(ValueError, match="latent_nonfinite"):
        person(code)
