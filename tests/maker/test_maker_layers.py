"""Settings in layers, bands, roles and lists of contracts (I-11, I-16, O-01, O-04, L-07)."""

import numpy as np
import pytest
from maker_world import SPOT, World, continuous, make_chain

from quanheng.maker import columns as c
from quanheng.maker import layers
from quanheng.maker.parameters import INDEX, TABLE, open_parameters, problem, put, rebucket
from quanheng.terms.codes import Alert, TradingState
from quanheng.terms.commands import SetParameter, SetState
from quanheng.terms.market import Inquiry
from quanheng.terms.units import SECOND

CHAIN = make_chain(strikes=3, expiries=2, underlyings=("510050", "510300"))
WIDTH = INDEX["width"]


def theory(*deltas):
    theo = np.zeros((len(deltas), c.T_COLUMNS))
    theo[:, c.T_DELTA] = deltas
    return theo


def widths(state):
    return state.values[:, WIDTH]


def test_the_narrowest_layer_wins_whatever_the_order():
    """House, class, expiry, delta bucket of house, class, expiry, then contract."""
    settings = [
        ("*", 4_000), ("510050", 4_100), ("510050-2407", 4_200), ("*-d40", 4_300),
        ("510050-d40", 4_400), ("510050-2407-d40", 4_500), (CHAIN.contracts[0].code, 4_600),
    ]  # fmt: skip
    for order in (settings, settings[::-1]):
        state = open_parameters(CHAIN)
        state.buckets[2] = 0
        for scope, value in order:
            put(state, CHAIN, scope, "width", value)
        assert widths(state)[:4].tolist() == [4_600, 4_500, 4_200, 4_500]
        assert widths(state)[6] == 4_400
        assert set(widths(state)[12:].tolist()) == {4_300}


@pytest.mark.parametrize(
    "text",
    ["", "5100", "510050-", "510050-24", "510050-2407-x", "510050-d41", "*-2407", "510050-d40-2407",
     "10000001-d40", "10000001-2407", "510050-2407-d40-d40"],
)  # fmt: skip
def test_what_is_no_scope_is_refused(text):
    """Nothing is guessed."""
    assert layers.parse(text) is None
    assert problem(CHAIN, text, "width", 5_000) == f"unknown scope {text}"


def test_a_scope_the_chain_does_not_have_is_refused_and_class_wide_settings_stay_class_wide():
    """Well formed is not enough; one curve model per class."""
    for text in ("510500", "510050-2501", "510050-2501-d40", "99999999"):
        assert problem(CHAIN, text, "width", 5_000) == f"unknown scope {text}"
    for text in ("510050-2407", "510050-d40", "*-d40", CHAIN.contracts[0].code):
        assert "whole underlying" in problem(CHAIN, text, "curve_model", 2)
    assert problem(CHAIN, "510050", "curve_model", 2) == ""


def test_buckets_have_hysteresis_at_their_borders():
    """0.25 is the border of d10 and d25: 0.26 and 0.24 leave a contract where it was."""
    buckets = np.array([1, 1, 2, 2, 3, 3, 6])
    theo = theory(0.26, -0.28, 0.24, 0.22, np.nan, 0.0, 1.0)
    assert layers.move_buckets(theo, 0, 7, buckets)
    assert buckets.tolist() == [1, 2, 2, 1, 3, 0, 6]
    assert not layers.move_buckets(theo, 0, 7, buckets)
    assert layers.BUCKETS == ("d00", "d10", "d25", "d40", "d60", "d75", "d90")


def test_a_contract_that_moves_takes_the_settings_of_its_new_bucket():
    """And gives back those of the old one."""
    state = open_parameters(CHAIN)
    put(state, CHAIN, "510050-2407-d40", "width", 5_000)
    put(state, CHAIN, "510050-2407-d10", "width", 6_000)
    theo = theory(*[0.5] * 12)
    assert not rebucket(state, CHAIN, 0, 12, theo)
    theo[:2, c.T_DELTA] = 0.15, 0.95
    assert rebucket(state, CHAIN, 0, 12, theo)
    assert widths(state)[:3].tolist() == [6_000, TABLE[WIDTH].default, 5_000]


def test_buckets_follow_published_curves_and_reach_quotes_and_limits():
    """A market that moves changes the bucket, hence width and the ladder's collar."""
    chain = make_chain(strikes=7, step=1_000)
    given = (("*-d00", "width", 9_000), ("*-d00", "theo_ticks", 7))
    world = continuous(World.start(chain, parameters=given))
    deltas = np.abs(world.state.surface.theo[:, c.T_DELTA])
    state = world.state.parameters
    assert np.array_equal(state.buckets == 0, deltas < 0.1)
    assert np.array_equal(widths(state) == 9_000, deltas < 0.1)
    assert set(world.state.limits[deltas < 0.1, c.L_THEO_TICKS].tolist()) == {7}
    quiet = state.buckets.copy()
    world.at += SECOND
    world.move(SPOT + 1_200)
    assert np.array_equal(state.buckets, quiet)
    world.run(1)
    assert not np.array_equal(state.buckets, quiet)


def test_inside_the_band_one_person_outside_two_and_every_change_is_told():
    """O-04: a loosening back to the default is the trader's own; who, before, after (I-16)."""
    world = continuous(World.start())
    world.put(SetParameter("510050", "width", 6_000, "p001"))
    world.put(SetParameter("510050", "width", 3_000, "p001"))
    world.put(SetParameter("510050", "width", 2_000, "p001"))
    assert "band" in world.alerts(Alert.CHECK_DENIED)[-1].args[2]
    world.put(SetParameter("510050-2407", "width", 2_000, "p001", "p002"))
    world.put(SetParameter("510050", "width", 4_000, "p001"))
    told = [(one.scope, *one.args) for one in world.alerts(Alert.PARAMETER_CHANGED)]
    assert told == [
        ("510050", "width", "3000", 6_000, "p001", ""),
        ("510050", "width", "6000", 3_000, "p001", ""),
        ("510050-2407", "width", "3000", 2_000, "p001", "p002"),
        ("510050", "width", "2000..3000", 4_000, "p001", ""),
    ]


def test_a_limit_of_the_ladder_only_tightens_alone_even_through_an_empty_bucket():
    """A bucket that is empty now may fill later, so its expiry decides (P18)."""
    world = continuous(World.start())
    world.put(SetParameter("510050-2407-d00", "max_position", 301, "p001"))
    assert "second person" in world.alerts(Alert.CHECK_DENIED)[-1].args[2]
    world.put(SetParameter("510050-2407-d00", "max_position", 200, "p001"))
    (told,) = world.alerts(Alert.PARAMETER_CHANGED)
    assert told.args[1:3] == ("", 200)


def quoted(world):
    return {slot for slot, _ in world.resting}


def test_disabling_a_scope_withdraws_it_and_designated_contracts_cannot_be_disabled():
    """L-07: refused by name, for the contract and for every scope that reaches it."""
    chain = make_chain()
    code = chain.contracts[2].code
    world = continuous(World.start(chain, designated=(code,)))
    for scope in (code, "*", "510050", "510050-2407", "510050-2407-d00"):
        world.put(SetParameter(scope, "enabled", 0, "p001"))
        assert code in world.alerts(Alert.CHECK_DENIED)[-1].args[2]
    other = chain.contracts[3].code
    world.put(SetParameter(other, "enabled", 0, "p001"))
    world.run(1)
    assert quoted(world) == set(range(12)) - {3}
    world.put(SetParameter(other, "enabled", 1, "p001"))
    world.run(1)
    assert quoted(world) == set(range(12))
    world.put(SetState(code, TradingState.HALTED, "stop", "p001"))
    world.run(1)
    assert quoted(world) == set(range(12)) - {2}


def test_no_day_opens_with_a_designated_contract_disabled_or_not_permitted():
    """The opening names the contract."""
    code = make_chain().contracts[2].code
    with pytest.raises(ValueError, match=f"{code} is designated"):
        World.start(designated=(code,), parameters=(("510050", "enabled", 0),))
    with pytest.raises(ValueError, match=f"designated contract {code} is not on the permitted"):
        World.start(designated=(code,), permitted=("510050-2409",))
    with pytest.raises(ValueError, match="role boss of 510050"):
        World.start(roles=(("510050", "boss"),))


def test_roles_decide_what_is_quoted():
    """O-01: primary all; general answers only; designated only; none nothing."""
    code = CHAIN.contracts[14].code

    def started(role):
        roles = (("510300", role),)
        return continuous(World.start(CHAIN, roles=roles, designated=(code,)))

    assert quoted(started("primary")) == set(range(24))
    assert quoted(started("designated")) == {*range(12), 14}
    assert quoted(started("none")) == {*range(12), 14}
    world = started("general")
    assert quoted(world) == {*range(12), 14}
    asked = CHAIN.contracts[20].code
    world.put(Inquiry("q1", asked, 0, 0, world.at, world.at + 30 * SECOND))
    world.run(14)
    assert quoted(world) == {*range(12), 14, 20}
    world.run(15)
    assert quoted(world) == {*range(12), 14}


def test_a_list_may_name_classes_expiries_and_contracts():
    """I-11: import of a whole underlying or a part of it."""
    names = ("510050-2409", CHAIN.contracts[13].code)
    assert quoted(continuous(World.start(CHAIN, permitted=names))) == {*range(6, 12), 13}
