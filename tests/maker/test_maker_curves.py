"""The life of curves: rungs, caps, models, deltas, versions (I-17, I-31, R-05; rules.md 8.4)."""

import hashlib
import math

import numpy as np
import pytest
from maker_world import EXPIRIES, MORNING, SPOT, World, continuous, make_chain

from quanheng.kernels.desk.black import price_one
from quanheng.kernels.desk.curves import arbitrage, layout
from quanheng.kernels.desk.curves.smile import vol_at
from quanheng.kernels.pack import unpack
from quanheng.maker import columns as c
from quanheng.maker import curve_kernels as k
from quanheng.maker.curve_life import IMPOSSIBLE, NEXT, TABLE, CurveEvent, CurveState, Rung
from quanheng.maker.invariants import invariants
from quanheng.maker.maker import Maker
from quanheng.maker.messages import Notify
from quanheng.maker.monitors import BOOK_COLUMNS, CURVE_COLUMNS
from quanheng.runtime.envelope import TimerFired
from quanheng.terms.codes import Alert, Phase
from quanheng.terms.commands import SetParameter
from quanheng.terms.contract import build_chain
from quanheng.terms.orders import Send

ALL = (1, 2, 3, 4)
NEAR, NEXT_ONE = EXPIRIES[0][0], EXPIRIES[1][0]


def lives(world, column):
    """A column of the life table as a list by expiry."""
    return world.state.surface.life[:, column].tolist()


def published(world, e=0):
    """Bytes of an expiry's published row."""
    return world.state.surface.curves[c.PUBLISHED, e].tobytes()


def slots_of(world, last_day):
    """Slots of an expiry."""
    contracts = enumerate(world.chain.contracts)
    return {slot for slot, contract in contracts if contract.last_day == last_day}


def wide(**changes):
    """A world of seven strikes and two expiries in continuous trading."""
    return continuous(World.start(make_chain(strikes=7), **changes))


def set_(world, name, value, scope="*"):
    """A person sets a parameter, a second one agrees."""
    return world.put(SetParameter(scope, name, value, "p001", "p002"))


def test_the_life_table_is_closed_and_reaches_every_state():
    """Every allowed move leads to a state; publication needs a fit, its checks and the cap."""
    assert NEXT.shape == (len(CurveState), len(CurveEvent))
    reached = {to for row in TABLE for to in row if to != IMPOSSIBLE}
    assert reached == set(CurveState) - {CurveState.NONE}
    into = [
        (state, event)
        for state, row in zip(CurveState, TABLE, strict=True)
        for event, to in zip(CurveEvent, row, strict=True)
        if to == CurveState.PUBLISHED
    ]
    assert into == [(CurveState.CHECKED, CurveEvent.NEAR)]
    assert all(row[CurveEvent.AGE] in (IMPOSSIBLE, CurveState.STALE) for row in TABLE)


def test_a_day_begins_with_the_curves_of_the_settlement_prices():
    """Rung SETTLEMENT before any market, OWN once the street quotes."""
    world = World.start(make_chain(strikes=7))
    assert lives(world, c.V_RUNG) == [Rung.SETTLEMENT] * 2
    assert world.state.surface.version.tolist() == [0]
    continuous(world)
    assert lives(world, c.V_RUNG) == [Rung.OWN] * 2
    assert lives(world, c.V_STATE) == [CurveState.PUBLISHED] * 2
    assert lives(world, c.V_MODEL) == [layout.WING] * 2
    assert invariants(world.state)["curves against their life-cycle"] == 0


def test_without_any_street_the_settlement_curves_stay_and_are_said_to_be_stale():
    """Nobody can lend: the last rung is told once per expiry, theory goes on."""
    world = World.start(make_chain(strikes=7), parameters=(("*", "curve_age", 1),))
    world.silent = set(range(28))
    before = published(world)
    continuous(world)
    world.run(3)
    assert lives(world, c.V_RUNG) == [Rung.SETTLEMENT] * 2
    assert lives(world, c.V_STATE) == [CurveState.STALE] * 2
    assert published(world) == before
    told = world.alerts(Alert.CURVE_RUNG)
    assert [(a.scope, a.args[0]) for a in told] == [
        ("510050-2407", Rung.SETTLEMENT),
        ("510050-2409", Rung.SETTLEMENT),
    ]
    assert np.isfinite(world.state.surface.theo[:, c.T_PRICE]).all()


def test_an_expiry_without_a_settlement_curve_borrows_at_the_opening():
    """One strike makes no curve: its row comes from the neighbour in total variance."""
    chain = make_chain(strikes=7)
    alone = [one for one in chain.contracts if one.last_day == NEAR][:2]
    rest = [one for one in chain.contracts if one.last_day != NEAR]
    world = World.start(build_chain(chain.day, [*alone, *rest]))
    assert lives(world, c.V_RUNG) == [Rung.BORROWED, Rung.SETTLEMENT]
    rows = world.state.surface.curves[c.PUBLISHED]
    assert vol_at(rows[0], 0.0) == pytest.approx(vol_at(rows[1], 0.0), abs=1e-3)


def test_a_failed_fit_keeps_the_last_good_bytes_then_borrows():
    """LAST_GOOD while young; STALE and BORROWED afterwards, told; OWN again when quoted (D19)."""
    world = wide(parameters=(("*", "curve_age", 3),))
    before, version = published(world), lives(world, c.V_VERSION)[0]
    world.silent = slots_of(world, NEAR)
    world.run(2)
    assert lives(world, c.V_RUNG) == [Rung.LAST_GOOD, Rung.OWN]
    assert lives(world, c.V_STATE)[0] == CurveState.FAILED
    assert (published(world), lives(world, c.V_VERSION)[0]) == (before, version)
    assert lives(world, c.V_VERSION)[1] == world.state.surface.version[0] > version
    assert not world.alerts(Alert.CURVE_RUNG)
    world.run(3)
    assert lives(world, c.V_RUNG) == [Rung.BORROWED, Rung.OWN]
    row = world.state.surface.curves[c.PUBLISHED, 0]
    assert (row[layout.KEPT], published(world) == before) == (0.0, False)
    assert vol_at(row, 0.0) == pytest.approx(world.vol, abs=3e-3)
    assert [(a.scope, a.args[0]) for a in world.alerts(Alert.CURVE_RUNG)] == [
        ("510050-2407", Rung.BORROWED)
    ]
    world.silent = set()
    world.run(12)
    assert lives(world, c.V_RUNG) == [Rung.OWN] * 2
    assert world.alerts(Alert.CURVE_RUNG)[-1].args[0] == Rung.OWN


def test_arbitrage_between_expiries_is_repaired_before_publication():
    """A far month quoted so low that total variance falls: rung REPAIRED, no gap left."""
    world = wide()
    world.smiles = {NEXT_ONE: lambda k: 0.09}
    world.run(15)
    assert Rung.REPAIRED in lives(world, c.V_RUNG)
    rows = world.state.surface.curves[c.PUBLISHED].copy()
    report = np.empty((2, arbitrage.REPORT))
    assert arbitrage.check(rows, 2, report) == 0


def test_one_wild_update_is_never_published_two_that_agree_are():
    """The cap on a move (rules.md 8.4): STAGED after the first fit, PUBLISHED after the second."""
    world = wide(parameters=(("*", "fit_gain", 10_000),))
    world.run(2)
    quiet = [vol_at(row, 0.0) for row in world.state.surface.curves[c.PUBLISHED]]
    world.vol = 0.30
    world.run(0.5)
    assert lives(world, c.V_STATE) == [CurveState.STAGED] * 2
    now = [vol_at(row, 0.0) for row in world.state.surface.curves[c.PUBLISHED]]
    assert now == quiet
    world.vol = 0.18
    world.run(2)
    assert lives(world, c.V_STATE) == [CurveState.PUBLISHED] * 2
    world.vol = 0.30
    world.run(0.5)
    assert lives(world, c.V_STATE) == [CurveState.STAGED] * 2
    world.run(0.5)
    assert lives(world, c.V_STATE) == [CurveState.PUBLISHED] * 2
    row = world.state.surface.curves[c.PUBLISHED, 0]
    # The street counts 19 days to expiry, the maker today as well.
    assert vol_at(row, 0.0) == pytest.approx(0.30 * math.sqrt(19 / 20), abs=4e-3)


@pytest.mark.parametrize("model", [layout.SVI, layout.SSVI, layout.CUBIC])
def test_the_model_changes_in_the_middle_of_the_day(model):
    """A released model takes over at the next update and quotes go on (I-17)."""
    world = wide(released=ALL)
    world.smiles = {day: lambda k: 0.19 - 0.15 * k + 0.8 * k * k for day in (NEAR, NEXT_ONE)}
    world.run(20)
    version = int(world.state.surface.version[0])
    set_(world, "curve_model", model)
    world.run(5)
    rows = world.state.surface.curves[c.PUBLISHED]
    assert rows[:, layout.MODEL].tolist() == [model] * 2
    assert world.state.surface.version[0] > version
    assert not world.alerts(Alert.MODEL_FALLBACK)
    for last_day, row in zip((NEAR, NEXT_ONE), rows, strict=True):
        for at in (-0.06, 0.0, 0.04):
            assert vol_at(row, at) == pytest.approx(world.smiles[last_day](at), abs=6e-3)
    assert {slot for slot, _ in world.resting} == set(range(28))
    set_(world, "curve_model", layout.WING)
    world.run(2)
    assert rows[:, layout.MODEL].tolist() == [layout.WING] * 2


def test_a_model_that_fails_gives_way_to_the_wing_and_this_is_said():
    """One SSVI shape cannot have opposite skews in two months; the wing can (R-05, fallback)."""
    world = wide(
        released=ALL,
        parameters=(("*", "curve_model", layout.SSVI), ("*", "curve_rms", 2_000)),
    )
    world.smiles = {NEAR: lambda k: 0.20 - 0.7 * k, NEXT_ONE: lambda k: 0.20 + 0.7 * k}
    world.run(20)
    models = lives(world, c.V_MODEL)
    assert layout.WING in models
    told = world.alerts(Alert.MODEL_FALLBACK)
    assert told
    assert {alert.args for alert in told} == {(layout.SSVI, layout.WING)}
    assert lives(world, c.V_STATE) == [CurveState.PUBLISHED] * 2


def test_a_model_that_is_not_released_is_refused():
    """By the command with a code, and at the opening with an error (R-05, I-10)."""
    world = wide(released=(1, 2))
    set_(world, "curve_model", layout.SSVI)
    (refused,) = world.alerts(Alert.MODEL_NOT_RELEASED)
    assert (refused.scope, refused.args) == ("*", (layout.SSVI, "p001"))
    world.run(1)
    assert world.state.surface.curves[c.PUBLISHED, :, layout.MODEL].tolist() == [1.0, 1.0]
    with pytest.raises(ValueError, match="curve model 3 of 510050 is not released"):
        World.start(make_chain(), parameters=(("510050", "curve_model", 3),))


def test_deltas_of_an_expiry_move_its_vols_and_leave_the_fit_alone():
    """Level, slope and curvature by scope, apart from the fit (I-31, rules.md 8.4)."""
    world, plain = wide(), wide()
    for name, value in (
        ("curve_level", 4_000),
        ("curve_slope", -20_000),
        ("curve_curvature", 30_000),
    ):
        set_(world, name, value, "510050-2407")
    world.run(0.5)
    plain.run(0.5)
    assert world.state.surface.curves.tobytes() == plain.state.surface.curves.tobytes()
    moved = world.state.surface.theo[:, c.T_VOL] - plain.state.surface.theo[:, c.T_VOL]
    fits = world.state.surface.fits
    for slot, contract in enumerate(world.chain.contracts):
        if contract.last_day != NEAR:
            assert moved[slot] == 0.0
            continue
        z = math.log(contract.strike * 1e-4 / fits[0, c.X_FORWARD]) / math.sqrt(fits[0, c.X_TAU])
        assert moved[slot] == pytest.approx(0.004 - 0.02 * z + 0.03 * z * z, abs=1e-9)
    assert world.alerts(Alert.CHECK_DENIED) == []
    set_(world, "curve_level", 1, "510050-2408")
    assert "unknown scope" in world.alerts(Alert.CHECK_DENIED)[-1].args[2]
    set_(world, "curve_rms", 1_000, "510050-2407")
    assert "whole underlying" in world.alerts(Alert.CHECK_DENIED)[-1].args[2]


@pytest.mark.parametrize("swim", [0, 10_000])
def test_between_fits_the_curve_stays_at_the_strikes_or_swims(swim):
    """A jump of the underlying reprices without a fit: sticky strike keeps each vol, sticky delta
    carries the smile along (rules.md 8.3).
    """
    world = wide(parameters=(("*", "swim", swim),))
    world.smiles = {day: lambda k: 0.19 - 0.2 * k for day in (NEAR, NEXT_ONE)}
    world.run(30)
    before = world.state.surface.theo[:, c.T_VOL].copy()
    world.move(SPOT + 100)
    moved = world.state.surface.theo[:, c.T_VOL] - before
    want = 0.0 if swim == 0 else 0.2 * math.log((SPOT + 100) / SPOT)
    assert np.allclose(moved, want, atol=4e-4)


def test_the_version_of_a_quote_is_that_of_the_rows_that_priced_it():
    """Each Send names the version whose bytes give its theory (S-01)."""
    world = wide()
    versions = {}
    surface = world.state.surface
    for turn in range(40):
        world.move(SPOT + 7 * (turn % 9))
        effects = world.run(0.5)
        rows = surface.curves[c.PUBLISHED]
        digest = hashlib.sha256(rows.tobytes()).hexdigest()
        version = int(surface.version[0])
        assert versions.setdefault(version, digest) == digest
        assert max(lives(world, c.V_VERSION)) == version
        sends = [effect for effect in effects if isinstance(effect, Send)]
        assert {send.stamp.curve_version for send in sends} <= {version}
        for slot in (0, 9, 20):
            fixed, theo = world.state.tables.fixed[slot], surface.theo[slot]
            fit = surface.fits[fixed[c.F_EXPIRY]]
            strike = fixed[c.F_STRIKE] * 1e-4
            vol = vol_at(rows[fixed[c.F_EXPIRY]], math.log(strike / fit[c.X_FORWARD]))
            assert theo[c.T_VOL] == pytest.approx(vol, abs=1e-12)
            given = (fit[c.X_FORWARD], strike, theo[c.T_VOL], fit[c.X_TAU], fit[c.X_DISCOUNT])
            price = price_one(float(fixed[c.F_SIGN]), *given)
            assert theo[c.T_PRICE] == pytest.approx(price, abs=2.1e-3)
    assert len(versions) > 20


def test_a_restored_machine_goes_on_with_staged_and_borrowed_curves():
    """Snapshot in the middle of a curve's life: the same effects and digests for ever after."""

    def feed(world):
        world.run(4)
        world.silent = set()
        world.vol = 0.20
        world.run(8)
        return world

    world = wide(parameters=(("*", "curve_age", 2), ("*", "fit_gain", 10_000)))
    world.silent = slots_of(world, NEAR)
    world.run(4)
    world.vol = 0.30
    world.run(0.5)
    assert lives(world, c.V_RUNG)[0] == Rung.BORROWED
    assert lives(world, c.V_STATE)[1] == CurveState.STAGED
    twin = World.start(make_chain(strikes=7))
    for name in ("at", "seq", "index", "spot", "vol", "phase"):
        setattr(twin, name, getattr(world, name))
    twin.silent, twin.resting = set(world.silent), {x: list(v) for x, v in world.resting.items()}
    twin.maker = Maker()
    twin.maker.restore(world.maker.snapshot())
    world.effects, twin.effects = [], []
    assert feed(world).effects == feed(twin).effects
    assert world.maker.digest() == twin.maker.digest()


def test_the_views_show_rungs_models_and_the_curve_s_greeks():
    """Curve view and book view carry integers of what prices (I-29, I-31, borders.md 1)."""
    world = wide(parameters=(("*", "curve_age", 1),))
    world.silent = slots_of(world, NEAR)
    world.run(4)
    world.fill(20, 0, 10)
    views = [e for e in world.put(TimerFired("view", world.at)) if isinstance(e, Notify)]
    curve = dict(
        zip(CURVE_COLUMNS, unpack(views[1].rows, views[1].columns).T.tolist(), strict=True)
    )
    assert curve["rung"] == [Rung.BORROWED, Rung.OWN]
    assert curve["state"] == [CurveState.STALE, CurveState.PUBLISHED]
    assert curve["model"] == [layout.WING] * 2
    assert curve["version"][1] == world.state.surface.version[0]
    assert abs(curve["atm_vol"][1] - 178_000) < 6_000
    book = dict(zip(BOOK_COLUMNS, unpack(views[2].rows, views[2].columns)[0].tolist(), strict=True))
    vega = world.state.surface.theo[20, c.T_VEGA] * 10 * 10_000 * 0.01
    assert abs(book["curve_level"] - vega) < 1.0
    fit = world.state.surface.fits[1]
    strike = world.chain.contracts[20].strike * 1e-4
    z = math.log(strike / fit[c.X_FORWARD]) / math.sqrt(fit[c.X_TAU])
    assert abs(book["curve_slope"] - vega * z) < 1.0
    assert abs(book["curve_curvature"] - vega * z * z) < 1.0


def test_a_forward_without_parity_for_long_is_told():
    """Calls only: the forward comes from the basis, people hear of it after the curve's age."""
    world = wide(parameters=(("*", "curve_age", 2),))
    world.silent = {slot for slot in range(28) if world.chain.contracts[slot].kind == "P"}
    world.run(1)
    assert not world.alerts(Alert.FORWARD_RUNG)
    world.run(3)
    assert {alert.args[0] for alert in world.alerts(Alert.FORWARD_RUNG)} == {3}
    assert set(lives(world, c.V_FORWARD)) == {3}
    assert np.isfinite(world.state.surface.theo[:, c.T_PRICE]).all()
    assert (world.at > MORNING, world.phase) == (True, Phase.CONTINUOUS)


def test_what_people_are_told_is_zero_for_a_healthy_expiry():
    """The code of `standing_code` names rung, fallback and forward."""
    life = np.zeros(c.V_COLUMNS, dtype=np.int64)
    which = np.array([0, 100, 1, 50], dtype=np.int64)
    life[c.V_STATE], life[c.V_MODEL], life[c.V_PARITY_AT] = CurveState.PUBLISHED, 1, 100
    assert k.standing_code(life, which) == 0
    life[c.V_MODEL] = 2
    assert k.standing_code(life, which) == k.OTHER_MODEL
    life[c.V_STATE], life[c.V_RUNG] = CurveState.STALE, Rung.BORROWED
    life[c.V_FORWARD], life[c.V_PARITY_AT] = 2, 49
    assert k.standing_code(life, which) == k.STALE + 3 + 2 * k.FORWARD
