"""A store that lies, two agents and two makers on one clock that only the test moves (F62)."""

import random
from typing import Any

from quanheng.edge.arbiter import Ask, Denied, Granted, Over, Renew, Renewed
from quanheng.edge.kv_lease import Agent, Held, Kept
from quanheng.edge.lease import MARGIN
from quanheng.terms.units import MILLISECOND, SECOND, Nanos

TTL = 3 * SECOND
STEP = 50 * MILLISECOND


class Disk:
    """An agent's own disk."""

    def __init__(self) -> None:
        self.kept = Kept()

    def read(self) -> Kept:
        return Kept(self.kept.tried, self.kept.seen)

    def write(self, kept: Kept) -> None:
        self.kept = Kept(kept.tried, kept.seen)


class Store:
    """Compare-and-swap on one record; `lies` lets it lose acknowledged writes."""

    def __init__(self, chance: random.Random, lies: bool) -> None:
        self.history: list[tuple[int, Held]] = [(0, Held())]
        self.chance, self.lies = chance, lies
        self.lost = 0

    @property
    def now(self) -> tuple[int, Held]:
        return self.history[-1]

    def write(self, record: Held, last: int) -> int | None:
        """The new revision; None when `last` is not the one that stands."""
        if last != self.now[0]:
            return None
        self.history.append((last + 1, record))
        return last + 1

    def misbehave(self) -> None:
        """Some acknowledged writes were never made; their revisions are given again."""
        if self.lies and len(self.history) > 2 and self.chance.random() < 0.02:
            lost = self.chance.randint(1, min(40, len(self.history) - 1))
            del self.history[-lost:]
            self.lost += lost


class Maker:
    """What `lease.LeaseKeeper` does, without a socket."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.epoch = 0
        self.asked: Nanos = 0
        self.until: Nanos = 0
        self.number = 0
        self.sent: dict[int, Nanos] = {}
        self.next: Nanos = 0
        self.over = False

    def leads(self, now: Nanos) -> bool:
        return bool(self.epoch) and not self.over and now < self.until - MARGIN

    def speak(self, now: Nanos, known: int) -> Any:
        if now < self.next:
            return None
        if self.epoch:
            self.next = now + 500 * MILLISECOND
            self.number += 1
            self.sent[self.number] = now
            return Renew(self.name, self.epoch, self.number)
        self.next = now + 100 * MILLISECOND
        self.asked = self.asked or now
        return Ask(self.name, True, known, "127.0.0.1", 1)

    def hear(self, said: Any, now: Nanos) -> None:
        match said:
            case Granted():
                self.epoch, self.until = said.epoch, (self.asked or now) + TTL
            case Denied():
                self.asked = 0
            case Renewed():
                sent = self.sent.pop(said.number, None)
                if sent is not None:
                    self.until = max(self.until, sent + TTL)
            case Over():
                self.over = self.over or bool(self.epoch)


class World:
    """Turns of both sides under drawn faults; `granted` lists (epoch, node) in order."""

    def __init__(self, seed: int, lies: bool) -> None:
        self.chance = random.Random(seed)
        self.now: Nanos = 1_000 * SECOND
        self.store = Store(self.chance, lies)
        self.disks = {name: Disk() for name in "ab"}
        self.agents = {name: self._agent(name) for name in "ab"}
        self.makers = {name: Maker(name) for name in "ab"}
        self.cut = dict.fromkeys("ab", 0)  # until when a side does not reach the store
        self.flying: dict[str, tuple[Nanos, Held, int, Agent]] = {}  # writes that arrive late
        self.ghosts: list[tuple[Nanos, Held, int]] = []  # and those nobody waits for any more
        self.granted: list[tuple[int, str]] = []
        self.both = 0  # instants at which both would let effects out
        self.turns_led = 0

    def _agent(self, name: str) -> Agent:
        return Agent(name, "ba".index(name), self.disks[name], self.now, TTL)

    def turn(self) -> None:
        self.now += STEP
        chance = self.chance
        self.store.misbehave()
        for name in "ab":
            if chance.random() < 0.003:
                self.cut[name] = self.now + chance.randint(1, 8) * SECOND
            if chance.random() < 0.002:
                self._maker_dies(name)
            if chance.random() < 0.002:
                self.agents[name] = self._agent(name)  # and its maker's connection with it
                self._reconnect(name)
            self._side(name)
        leading = [name for name, maker in self.makers.items() if maker.leads(self.now)]
        self.both += len(leading) > 1
        self.turns_led += len(leading) == 1

    def _maker_dies(self, name: str) -> None:
        self.agents[name].gone(self.now)
        self.makers[name] = Maker(name)

    def _reconnect(self, name: str) -> None:
        self.makers[name].asked = 0

    def _side(self, name: str) -> None:
        agent, maker = self.agents[name], self.makers[name]
        if maker.over or (maker.epoch and self.now >= maker.until - MARGIN):
            self._maker_dies(name)  # it stops and comes back as a follower
            maker = self.makers[name]
        said = maker.speak(self.now, self.known(name))
        if said is not None:
            agent.take(said)
        self._reach(name, agent)
        for answer in agent.answers(self.now):
            if isinstance(answer, Granted):
                self.granted.append((answer.epoch, name))
            maker.hear(answer, self.now)
        beat = agent.beat()
        if beat is not None:
            maker.hear(beat, self.now)

    def known(self, name: str) -> int:
        """What its copy of the journal says: nothing, so that only the agents guard epochs."""
        return 0

    def _reach(self, name: str, agent: Agent) -> None:
        """At most one request at a time; one that is given up may still arrive."""
        for ghost in [one for one in self.ghosts if one[0] <= self.now]:
            self.ghosts.remove(ghost)
            self.store.write(ghost[1], ghost[2])
        if name in self.flying:
            at, record, last, of = self.flying[name]
            if of is agent and self.now < at and self.chance.random() < 0.1:
                agent.failed(unknown=True)  # given up, and read again before it arrives
                self.ghosts.append((at, record, last))
                del self.flying[name]
            if self.now < at:
                return
            del self.flying[name]
            done = self.store.write(record, last)
            if of is not agent:
                return
            if self.chance.random() < 0.3:
                agent.failed(unknown=True)  # the answer was lost
            elif done is None:
                agent.failed(unknown=False)
            else:
                agent.wrote(done, self.now)
            return
        if self.now < self.cut[name]:
            return
        record = agent.wanted(self.now)
        if record is not None:
            late = self.chance.choice((0, 0, 0, 1, 40)) * STEP
            self.flying[name] = (self.now + late, record, agent.revision, agent)
        elif self.chance.random() < 0.5:
            agent.read(*self.store.now, self.now)
