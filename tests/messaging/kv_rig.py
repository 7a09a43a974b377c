"""Two nodes whose lease is in the store, each with an agent of its own, in one process."""

from pathlib import Path
from typing import Any

from copy_rig import servers_of
from nats_rig import Cluster

from quanheng.edge.clock import monotonic
from quanheng.edge.kv_arbiter import KvArbiterProcess, KvSetup
from quanheng.edge.lease import LeaseKeeper
from quanheng.edge.loop import Loop
from quanheng.terms.units import SECOND, Nanos


class Side:
    """A keeper of a maker, over a real socket to its agent."""

    def __init__(self, root: Path, cluster: Cluster, key: str, name: str, lease: Nanos) -> None:
        self.run = root / name
        (self.run / "live").mkdir(parents=True, exist_ok=True)
        self.name, self.lease, self.known = name, lease, 0
        self.setup = KvSetup(
            host="127.0.0.1", port=0, node=name, slot="ba".index(name),
            servers=servers_of(cluster), bucket="QH-TEST", key=key, lease=lease,
        )  # fmt: skip
        self.agent: KvArbiterProcess | None = None
        self.keeper: LeaseKeeper | None = None
        self.loop = Loop()
        self.start_agent()

    def start_agent(self) -> None:
        self.agent = KvArbiterProcess(self.run, self.setup, Loop())
        self.agent.first()

    def start_keeper(self) -> LeaseKeeper:
        """The maker begins, or begins again: it knows no epoch of its own."""
        assert self.agent is not None
        self.loop = Loop()
        self.keeper = LeaseKeeper(
            self.loop, ("127.0.0.1", self.agent.port), self.name, ("127.0.0.1", 1),
            lambda: True, lambda: self.known, self.lease,
        )  # fmt: skip
        return self.keeper

    def turn(self) -> None:
        if self.keeper is not None:
            self.loop.poll(0)
            self.keeper.tick(monotonic())
            self.loop.flush()
        if self.agent is not None:
            self.agent.turn()

    def kill_keeper(self) -> None:
        """The maker's process is gone."""
        self.loop.close()
        self.keeper = None

    def said(self, what: str) -> list[dict[str, Any]]:
        from quanheng.edge.journal_lines import read_lines

        return [row for row in read_lines(self.run / "live" / "lease.jsonl") if row["what"] == what]

    def close(self) -> None:
        if self.keeper is not None:
            self.kill_keeper()
        if self.agent is not None:
            self.agent.close()


class KvRig:
    """Sides a and b."""

    def __init__(self, root: Path, cluster: Cluster, key: str, lease: Nanos = 20 * SECOND) -> None:
        self.sides = {name: Side(root, cluster, key, name, lease) for name in "ab"}

    def until(self, wanted: Any, what: str, patience: Nanos = 60 * SECOND) -> Nanos:
        """Turn until it is so; how long it took."""
        began = monotonic()
        while not wanted():
            assert monotonic() < began + patience, f"never: {what}"
            for side in self.sides.values():
                side.turn()
        return monotonic() - began

    def close(self) -> None:
        for side in self.sides.values():
            side.close()
