"""Instructions in doubt: UNKNOWN keeps its claim until there is evidence; replay is equal (F32)."""

import instruction_world as iw
import msgspec
import pytest

from quanheng.maker import columns as c
from quanheng.maker.holdings import cover_left, units_left
from quanheng.maker.instruction_state import Kind
from quanheng.maker.invariants import invariants
from quanheng.maker.maker import Maker
from quanheng.runtime.envelope import LinkChanged, NotSent
from quanheng.terms import business as b
from quanheng.terms.codes import Alert, Link
from quanheng.terms.commands import (
    Combine,
    Exercise,
    InquireMargin,
    LockUnits,
    ManualCancel,
    Split,
)
from quanheng.terms.orders import RequestRejected, Send

CALL, PUT = iw.code("C", 24_500), iw.code("P", 24_500)
TODAY_CALL, TODAY_PUT = iw.code("C", 24_000, iw.DAY), iw.code("P", 25_000, iw.DAY)
BOOK = "2024062700000001"

IN_DOUBT = {
    Kind.LOCK: LockUnits("510050", 60_000, False, iw.TRADER),
    Kind.UNLOCK: LockUnits("510050", 10_000, True, iw.TRADER),
    Kind.EXERCISE: Exercise(TODAY_CALL, 3, iw.TRADER, "", iw.RISK),
    Kind.MERGE: Exercise(TODAY_CALL, 3, iw.TRADER, TODAY_PUT, iw.RISK),
    Kind.BUILD: Combine("KS", CALL, PUT, 2, iw.TRADER),
    Kind.SPLIT: Split(BOOK, 1, iw.TRADER),
}


def doubtful(kind):
    """A world in which an instruction of a kind was lost with the line, and its request."""
    world = iw.start(
        long={TODAY_CALL: 5, TODAY_PUT: 5},
        short={CALL: 6, PUT: 6},
        locked=(20_000,),
        combinations=((BOOK, "KS", CALL, PUT, 2),),
    )
    request = iw.only(world.put(IN_DOUBT[kind]))
    return world, request


def claims(world):
    """What an instruction holds: units, cover, ties, combinations, relief."""
    state = world.state
    return (
        units_left(state, 0),
        cover_left(state, state.opened, 0),
        state.desk[:, [c.D_TIED_LONG, c.D_TIED_SHORT]].tolist(),
        state.business.relief,
    )


@pytest.mark.parametrize("kind", list(IN_DOUBT))
def test_what_is_lost_with_the_line_stays_unknown_and_counts(kind):
    """UNKNOWN keeps its claim, is told, and is never sent again, not even by a person (F32)."""
    world, request = doubtful(kind)
    held = claims(world)
    effects = iw.lose_line(world)
    world.run(60, step=20 * 10**9)
    assert iw.sent(effects) == []
    assert iw.sent(world.effects) == [request]
    assert claims(world) == held
    assert invariants(world.state)["instructions unknown"] == 1
    assert world.put(IN_DOUBT[kind]) and iw.sent(world.effects) == [request]
    iw.refused(world, 14)
    fresh = Maker()
    fresh.restore(world.maker.snapshot())
    assert fresh.digest() == world.maker.digest()


@pytest.mark.parametrize("kind", list(IN_DOUBT))
def test_a_late_answer_ends_the_doubt(kind):
    """The replay says that it arrived: the answer is folded in as if nothing had happened."""
    world, request = doubtful(kind)
    twin, same = doubtful(kind)
    iw.lose_line(world)
    for one, asked in ((world, request), (twin, same)):
        iw.answer(one, asked)
        if isinstance(asked, b.CombinationRequest):
            iw.done(one, asked, BOOK if asked.split else "2024062700000002")
    assert claims(world) == claims(twin)
    assert world.state.business.held == twin.state.business.held
    assert invariants(world.state)["instructions unknown"] == 0


@pytest.mark.parametrize("proof", ["refused", "not sent", "front"])
@pytest.mark.parametrize("kind", list(IN_DOUBT))
def test_evidence_that_it_never_was_frees_what_it_held(kind, proof):
    world, request = doubtful(kind)
    before = iw.start(
        long={TODAY_CALL: 5, TODAY_PUT: 5},
        short={CALL: 6, PUT: 6},
        locked=(20_000,),
        combinations=((BOOK, "KS", CALL, PUT, 2),),
    )
    if proof == "refused":
        iw.answer(world, request, 10836)
    elif proof == "not sent":
        world.put(NotSent([request.client_id], "pulled by ops"))
    else:
        world.put(RequestRejected(request.client_id, 10740))
        assert world.alerts(Alert.REJECTED_BY_EXCHANGE)[-1].args[0] == 10740
    assert claims(world) == claims(before)
    assert world.state.business.working == {}
    assert world.state.audit.unexpected == 0


def test_a_person_can_end_an_unknown_exercise_by_asking_for_its_end():
    """19082 proves that it never stood; a cancel lost with the line can be sent anew."""
    world, request = doubtful(Kind.EXERCISE)
    iw.lose_line(world)
    first = iw.only(world.put(ManualCancel(request.client_id, iw.TRADER)))
    iw.lose_line(world)
    again = iw.only(world.put(ManualCancel(request.client_id, iw.TRADER)))
    assert first.client_id != again.client_id
    gone = b.BusinessCancelReject("OTE", again.client_id, request.client_id, 0, world.at, 19082)
    world.report(gone)
    assert world.state.business.working == {}


def test_a_cancel_that_never_left_leaves_the_exercise_standing():
    world, request = doubtful(Kind.EXERCISE)
    iw.answer(world, request)
    cancel = iw.only(world.put(ManualCancel(request.client_id, iw.TRADER)))
    world.put(NotSent([cancel.client_id], "over 1000 messages a second"))
    (one,) = world.state.business.working.values()
    assert (one.cancel_id, one.life) == (0, 2)


def test_the_same_inputs_give_the_same_instructions():
    """Replay: a second machine fed alike says and knows the same (R-06)."""

    def through():
        world, request = doubtful(Kind.BUILD)
        iw.built(world, request, "2024062700000009")
        iw.lose_line(world)
        world.put(Exercise(TODAY_CALL, 2, iw.TRADER, "", iw.RISK))
        world.put(LinkChanged(Link.DOWN))
        return world

    one, two = through(), through()
    assert one.effects == two.effects
    assert one.maker.digest() == two.maker.digest()


def test_commands_and_requests_survive_the_journal():
    for body in (*IN_DOUBT.values(), InquireMargin(iw.TRADER)):
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(body), type=Maker.INPUT) == body
    world = iw.start(long={TODAY_CALL: 5, TODAY_PUT: 5}, short={CALL: 3, PUT: 3})
    for body in (IN_DOUBT[Kind.LOCK], IN_DOUBT[Kind.MERGE], IN_DOUBT[Kind.BUILD]):
        (effect,) = [e for e in world.put(body) if isinstance(e, Send)]
        packed = msgspec.msgpack.encode(effect)
        assert msgspec.msgpack.decode(packed, type=Maker.EFFECT) == effect
