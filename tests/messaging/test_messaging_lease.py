"""The lease in the store: one leads, epochs are given once, whatever the store forgets (F62)."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from copy_rig import servers_of
from gateway_rig import Rig
from kv_rig import KvRig
from lease_world import STEP, TTL, Disk, Maker, World
from nats_rig import Cluster

from quanheng.edge.arbiter import (
    Alone,
    AloneKept,
    Ask,
    Denied,
    Granted,
    Leave,
    Over,
    Renew,
    Renewed,
)
from quanheng.edge.clock import monotonic
from quanheng.edge.gateway_parts import KeptFile
from quanheng.edge.kv_lease import Agent, Held, Kept
from quanheng.edge.lease import LeaseKeeper
from quanheng.edge.link_messages import Fenced
from quanheng.edge.loop import Loop
from quanheng.edge.nats_line import NatsLine
from quanheng.terms.units import SECOND

SEEDS = 60
TURNS = 2_400


@pytest.mark.parametrize("lies", [False, True], ids=["honest", "lies"])
def test_f62_no_epoch_is_given_twice(lies: bool) -> None:
    """Drawn faults: requests late or their answers lost, sides cut off, makers and agents that die;
    the lying store also forgets acknowledged writes and gives revisions again. An honest store
    never has two leaders at once; a lying one may, and then their epochs differ.
    """
    grants = lost = led = 0
    for seed in range(SEEDS):
        world = World(seed, lies)
        for _ in range(TURNS):
            world.turn()
        epochs = [epoch for epoch, _ in world.granted]
        assert len(epochs) == len(set(epochs)), (seed, world.granted)
        if not lies:
            assert epochs == sorted(epochs), seed
            assert world.both == 0, seed
        grants += len(epochs)
        lost += world.store.lost
        led += world.turns_led
    assert grants > 10 * SEEDS  # the lease moves
    assert led > SEEDS * TURNS // 2  # and is held most of the time
    assert bool(lost) == lies


def test_f62_the_world_sees_an_agent_that_trusts_the_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the slots and without its own disk the same faults give an epoch twice, so the
    property above can fail.
    """
    monkeypatch.setattr(Agent, "_epoch_after", lambda self, known: self.latest.epoch + 1)
    monkeypatch.setattr(Agent, "_keep", lambda self, record: None)
    twice = 0
    for seed in range(SEEDS):
        world = World(seed, lies=True)
        for _ in range(TURNS):
            world.turn()
        epochs = [epoch for epoch, _ in world.granted]
        twice += len(epochs) != len(set(epochs))
    assert twice > 0


def test_a_lease_that_is_not_waited_for_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """An agent that takes a record before its lease is over makes two leaders in this world."""
    monkeypatch.setattr(Agent, "_held", lambda self, now: False)
    both = 0
    for seed in range(10):
        world = World(seed, lies=False)
        for _ in range(TURNS):
            world.turn()
        both += world.both
    assert both > 0


def agent(name: str = "b", disk: Disk | None = None) -> Agent:
    made = Agent(name, "ba".index(name), disk or Disk(), 0, TTL)
    made.read(7, Held(5, 20, "a", "h", 9, "", False), SECOND)
    return made


ASK = Ask("b", True, 0, "h", 1)


def test_a_record_is_free_after_a_whole_lease_without_change() -> None:
    """Counted from when it was first seen on our own clock; a renewal begins it anew."""
    one = agent()
    one.take(ASK)
    assert one.wanted(SECOND + TTL - 1) is None
    (denied,) = one.answers(SECOND + STEP)
    assert denied == Denied(5, "a", "h", 9, "a leads with epoch 5")
    one.read(8, Held(5, 21, "a", "h", 9, "", False), 3 * SECOND)
    one.read(8, one.record, 3 * SECOND + TTL - 1)
    one.take(ASK)
    assert one.wanted(3 * SECOND + TTL - 1) is None
    wanted = one.wanted(3 * SECOND + TTL)
    assert wanted == Held(6, 22, "b", "h", 1, "", False)
    one.wrote(9, 3 * SECOND + TTL)
    assert one.answers(3 * SECOND + TTL) == [Granted(6)]


def test_f62_a_store_that_went_back_is_not_acted_on() -> None:
    """The record of before a loss is older than one that was seen: epoch, holder and who is whole
    are those of the later one.
    """
    disk = Disk()
    one = agent("b", disk)
    one.read(9, Held(7, 30, "a", "h", 9, "a", False), 2 * SECOND)
    again = Agent("b", 0, disk, 0, TTL)  # it was even started again
    again.read(3, Held(2, 4, "b", "h", 1, "", True), 10 * SECOND)
    again.take(ASK)
    (denied,) = again.answers(10 * SECOND + TTL + 1)
    assert isinstance(denied, Denied) and denied.epoch == 7 and "does not answer" in denied.why
    again.read(3, Held(2, 4, "b", "h", 1, "", True), 10 * SECOND + TTL)
    again.take(ASK)
    (denied,) = again.answers(10 * SECOND + TTL)
    assert isinstance(denied, Denied) and "only a holds all that has left" in denied.why
    leader = Agent("a", 1, Disk(), 0, TTL)
    leader.read(9, Held(7, 30, "a", "h", 9, "a", False), 2 * SECOND)
    leader.read(3, Held(2, 4, "b", "h", 1, "", True), 3 * SECOND)
    leader.take(Renew("a", 7, 4))
    assert leader.wanted(3 * SECOND) == Held(7, 31, "a", "h", 9, "a", False)  # and is put right


def test_an_answer_that_was_lost_is_found_by_reading() -> None:
    """A write whose answer never came is in the store after all; another's is not taken for it."""
    one = agent()
    one.take(ASK)
    now = SECOND + TTL
    one.read(7, one.record, now)
    record = one.wanted(now)
    assert record is not None
    one.failed(unknown=True)
    assert one.wanted(now) is None and one.answers(now) == []
    assert one.beat() == Over(5)  # heard, and nothing to a node that does not lead
    one.read(8, record, now + STEP)
    assert one.answers(now + STEP) == [Granted(6)]


def test_what_was_asked_is_forgotten_with_the_connection() -> None:
    """A node that comes back counts its lease from a later asking, so an older claim is not its."""
    one = agent()
    one.take(ASK)
    now = SECOND + TTL
    one.read(7, one.record, now)
    assert one.wanted(now) is not None
    one.gone(now)
    one.take(ASK)
    one.wrote(8, now + STEP)
    assert one.answers(now + STEP) == []
    wanted = one.wanted(now + STEP)
    assert wanted is not None and wanted.epoch == 8


def test_leader_tells_that_it_is_alone_and_leaves() -> None:
    """`Alone` is answered once it is in the store; `Leave` and a lost connection free the lease."""
    one = Agent("a", 1, Disk(), 0, TTL)
    one.read(7, Held(5, 20, "a", "h", 9, "", False), SECOND)
    one.take(Alone("a", 5, True, 3))
    assert one.answers(SECOND) == []
    record = one.wanted(SECOND)
    assert record is not None and record.whole == "a"
    one.wrote(8, SECOND)
    assert one.answers(SECOND) == [AloneKept(5, 3)]
    one.gone(2 * SECOND)
    assert one.wanted(2 * SECOND + STEP) is None  # it may come back
    freed = one.wanted(3 * SECOND)
    assert freed is not None and freed.free and freed.whole == "a"
    one.wrote(9, 3 * SECOND)
    one.take(Renew("a", 4, 1))
    assert one.answers(3 * SECOND) == [Over(5)]
    one.take(Renew("a", 5, 2))
    back = one.wanted(3 * SECOND)
    assert back is not None and not back.free
    one.wrote(10, 3 * SECOND)
    one.answers(3 * SECOND)
    one.take(Leave("a", 5))
    left = one.wanted(4 * SECOND)
    assert left is not None and left.free


def test_f62_an_agent_keeps_what_it_tried(tmp_path: Path) -> None:
    """On its disk before the store hears of it: an agent that dies in between tries another one."""
    store = KeptFile(tmp_path / "agent.json", Kept)
    one = Agent("b", 0, store, 0, TTL)
    one.read(0, Held(), SECOND)
    one.take(ASK)
    first = one.wanted(SECOND)
    again = Agent("b", 0, store, 0, TTL)
    again.read(0, Held(), SECOND)
    again.take(ASK)
    second = again.wanted(SECOND)
    assert first is not None and second is not None
    assert (first.epoch, second.epoch) == (2, 4)


def test_the_model_of_a_maker_is_the_makers() -> None:
    """`lease_world.Maker` counts as `LeaseKeeper` does: from the first asking after a denial, and
    from the sending of the renewal that was answered.
    """
    keeper = LeaseKeeper(
        Loop(), ("127.0.0.1", 1), "a", ("127.0.0.1", 1), lambda: True, lambda: 0, TTL
    )
    keeper._line = Sent()  # type: ignore[assignment]
    model, now = Maker("a"), 0
    told = {3: Denied(1, "b", "h", 1, "b leads"), 9: Granted(2), 40: None}
    for turn in range(60):
        now += 37 * STEP // 10
        said = model.speak(now, 0)
        keeper.tick(now)
        assert keeper._line.last == said
        keeper._line.last = None
        answer = told.get(turn)
        if answer is None and isinstance(said, Renew) and turn % 3:
            answer = Renewed(2, said.number)
        if answer is not None:
            model.hear(answer, now)
            keeper._take(answer)
        assert (model.epoch, model.until) == (keeper.epoch, keeper._until), turn
        assert model.leads(now) == keeper.valid(now), turn


class Sent:
    """A line that is always up and keeps the last message."""

    up = True
    last = None

    def tick(self, now: int) -> None:
        """Nothing to dial."""

    def send(self, message: object) -> bool:
        self.last = message
        return True


def test_f62_an_epoch_that_is_given_again_is_refused_by_the_gateway() -> None:
    """Store and agent's disk both lost: the agent knows nothing and begins at 1. The gateway has
    seen a higher epoch, on its own disk, and lets nothing of the lower one out.
    """
    rig = Rig(epoch=4)
    one = Agent("a", 1, Disk(), 0, TTL)
    one.read(0, Held(), SECOND)
    one.take(Ask("a", True, 0, "h", 1))
    assert one.wanted(SECOND) is not None
    one.wrote(1, SECOND)
    (granted,) = one.answers(SECOND)
    assert granted == Granted(1)
    assert not rig.lead(granted.epoch)
    assert rig.said(Fenced)[0].highest == 4
    rig.quote(1, epoch=granted.epoch)
    assert rig.arrived == []
    one.take(Ask("a", True, 4, "h", 1))  # a node that has a journal says what it knows
    wanted = one.wanted(SECOND)
    assert wanted is not None and wanted.epoch == 5 and rig.lead(wanted.epoch)


# With servers -------------------------------------------------------------------------------------


@pytest.fixture
def rig(cluster: Cluster, tmp_path: Path) -> Iterator[KvRig]:
    made = KvRig(tmp_path, cluster, f"k{monotonic()}")
    yield made
    made.close()


def test_f62_a_pair_over_a_cluster(rig: KvRig, cluster: Cluster) -> None:
    """One leads, the other is told where; dead, it is followed at once with a higher epoch of the
    other slot; the server that leads the store dies and the lease goes on through the election.
    """
    a, b = rig.sides["a"], rig.sides["b"]
    first = a.start_keeper()
    rig.until(lambda: first.epoch, "a leads")
    second = b.start_keeper()
    rig.until(lambda: second.leader[0] == "a", "b is told who leads")
    first.say_alone(True)
    rig.until(lambda: first.alone is True, "that a is alone is kept")
    first.say_alone(False)
    rig.until(lambda: first.alone is False, "that it is not is kept")
    a.kill_keeper()
    rig.until(lambda: second.epoch, "b leads")
    assert (first.epoch, second.epoch) == (1, 2)
    third = a.start_keeper()
    rig.until(lambda: third.leader[0] == "b", "a is told who leads")
    line = NatsLine(servers_of(cluster), "t")
    line.dial()
    leads = line.call(lambda js: js.stream_info("KV_QH-TEST")).cluster.leader
    line.close()
    cluster.named(leads).kill()
    until = second._until
    rig.until(lambda: second._until > until + 5 * SECOND, "b renews at another server")
    assert second.valid(monotonic()) and not third.epoch


def test_f62_without_a_quorum_the_leader_stops(cluster: Cluster, tmp_path: Path) -> None:
    """Two of three servers killed: no renewal is answered, the leader stops at its deadline, and
    nobody leads before there is a quorum again; who waits is told why. (The server that is left may
    answer a read from its own copy or not, so the words differ.)
    """
    rig = KvRig(tmp_path, cluster, f"q{monotonic()}", 4 * SECOND)
    try:
        a, b = rig.sides["a"], rig.sides["b"]
        first = a.start_keeper()
        rig.until(lambda: first.epoch, "a leads")
        second = b.start_keeper()
        rig.until(lambda: second.leader[0] == "a", "b is told who leads")
        for server in cluster.servers[:2]:
            server.kill()
        rig.until(lambda: not first.valid(monotonic()), "a stops at its deadline")
        later = monotonic() + 3 * 4 * SECOND
        rig.until(lambda: monotonic() >= later, "three leases go by")
        assert not second.epoch and not first.valid(monotonic())
        assert "does not answer" in second.why or "leads with epoch" in second.why, second.why
        a.kill_keeper()
        cluster.whole()
        rig.until(lambda: second.epoch, "b leads")
        assert second.epoch > 1 and second.epoch % 2 == 0
    finally:
        rig.close()


def test_f62_a_wiped_store_gives_no_epoch_again(rig: KvRig, cluster: Cluster) -> None:
    """The bucket is deleted while a leads: its next renewal writes what it knows; the other side
    does not take what it has seen held.
    """
    a, b = rig.sides["a"], rig.sides["b"]
    first = a.start_keeper()
    rig.until(lambda: first.epoch, "a leads")
    second = b.start_keeper()
    rig.until(lambda: second.leader[0] == "a", "b is told who leads")
    line = NatsLine(servers_of(cluster), "t")
    line.dial()
    line.call(lambda js: js.delete_key_value("QH-TEST"))
    line.close()
    until = first._until
    rig.until(lambda: first._until > until + SECOND, "a renews in a new bucket")
    assert not second.epoch and not first.over
    a.kill_keeper()
    rig.until(lambda: second.epoch, "b leads")
    assert second.epoch > 1 and second.epoch % 2 == 0  # one that was tried in vain is not used
