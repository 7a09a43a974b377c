"""The two nodes of a live run with a standby (docs/standby.md): folders, openings, the end.

Node a lives in the run folder itself, node b in RUN/standby, each with a maker and a gateway of its
own; a third process, the arbiter, holds the lease. After the day what the nodes did is put together
in the run folder, so that everything that reads a run finds one maker and one gateway.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from quanheng.compose.run_folder import source_hash
from quanheng.config import Config
from quanheng.edge import arbiter_main, gateway_main
from quanheng.edge.journal_lines import read_lines
from quanheng.edge.link_messages import FrameReader, encode_frame
from quanheng.edge.maker_setup import MakerSetup, PairSetup
from quanheng.edge.nats_copying import PLACE, Place
from quanheng.edge.pg_journal import NAMES, write_names
from quanheng.maker.maker import Maker
from quanheng.maker.messages import Notify
from quanheng.runtime.segment import read_segments
from quanheng.terms.units import MILLISECOND

STANDBY = "standby"
"""Folder of node b in the run folder."""
NODE_B = "_b"
"""What the roles of node b end with."""
PAIR_ROLES = ("gateway_b", "maker_b")
MAKERS = (Maker.NAME, f"{Maker.NAME}{NODE_B}")
EXTRA = ("arbiter", "lease", "lease_b", "copier", "copier_b", "pgcopy", "pgcopy_b")
"""Roles that a run has when its folder holds what they are given."""
LETTERS = "GHXYZ"


def place(run: Path, role: str) -> tuple[str, Path]:
    """(module of a role, folder of its node)."""
    if role.endswith(NODE_B):
        return role.removesuffix(NODE_B), run / STANDBY
    return role, run


def copy_roles(config: Config, role: str, machines: tuple[str, ...]) -> tuple[str, ...]:
    """Roles of the processes that copy the journals of machines, one of each node that has any."""
    pair = config.standby.enabled and Maker.NAME in machines
    return (role, f"{role}{NODE_B}") if pair else (role,)


def copying(
    run: Path, roles: tuple[str, ...], machines: tuple[str, ...]
) -> Iterator[tuple[Path, str, tuple[str, ...]]]:
    """(folder, title of its run, machines whose journals lie there) of each role that copies
    journals: one of each node, all machines in node a's folder, the maker's in node b's.
    """
    for role in roles:
        _, folder = place(run, role)
        if folder == run:
            yield folder, run.name, machines
        else:
            yield folder, f"{run.name}-{STANDBY}", (Maker.NAME,)


def roles_beside(run: Path) -> tuple[str, ...]:
    """Roles that a run has besides those that every run has."""
    pair = PAIR_ROLES if (run / STANDBY).exists() else ()
    found = []
    for role in EXTRA:
        name, folder = place(run, role)
        if (folder / "live" / f"{name}.msgpack").exists():
            found.append(role)
    return (*found, *pair)


def lines_of(run: Path, role: str) -> Path:
    """The file of lines of a role."""
    name, folder = place(run, role)
    return folder / "live" / f"{name}.jsonl"


def whole_path(folder: str) -> str:
    """A folder of the configuration as the processes are given it; "" stays empty."""
    return str(Path(folder).resolve()) if folder else ""


def write_arbiter(run: Path, config: Config, port: int = 0) -> None:
    """The arbiter's part, and node b's folder. `port`: the one it was given at its first start, so
    that nodes find it again after another.
    """
    (run / STANDBY / "live").mkdir(parents=True, exist_ok=True)
    standby = config.standby
    setup = arbiter_main.Setup(
        host=standby.host_arbiter,
        port=port,
        lease=standby.lease_ms * MILLISECOND,
        grace=standby.grace_ms * MILLISECOND,
        peers=config.isolation.peers,
        tls=whole_path(standby.tls),
    )
    _write(run, "arbiter", setup)


def write_pair(
    run: Path,
    config: Config,
    gateway: gateway_main.Setup,
    maker: MakerSetup,
    lease_ports: tuple[int, ...],
) -> None:
    """Gateway and maker of both nodes. `lease_ports`: of the arbiter, or of each node's agent."""
    standby = config.standby
    # Where the nodes' hosts do not share the run folder, each has its own and asks the overseer.
    home = "" if standby.host_overseer else str(run)
    letters = [one for one in LETTERS if one not in (config.member.letter, gateway.plan.letter)]
    for role, host, letter in (
        ("", standby.host_a, gateway.plan.letter),
        (NODE_B, standby.host_b, letters[0]),
    ):
        plan = msgspec.structs.replace(gateway.plan, letter=letter, logon_s=standby.logon_s)
        mine = msgspec.structs.replace(gateway, plan=plan, pair=True, home=home)
        _write(run, f"gateway{role}", mine)
        at = (standby.host_arbiter, lease_ports[0])
        if len(lease_ports) > 1:
            at = (host, lease_ports[1 if role else 0])
        pair = PairSetup(
            node="b" if role else "a",
            first=not role,
            host=host,
            arbiter=at,
            build=source_hash(),
            home=home,
            overseer=(standby.host_overseer, standby.port_overseer),
            alone=standby.alone,
            late=standby.late_ms * MILLISECOND,
            lease=standby.lease_ms * MILLISECOND,
            peers=config.isolation.peers,
            tls=whole_path(standby.tls),
        )
        _write(run, f"maker{role}", msgspec.structs.replace(maker, pair=pair))


def _write(run: Path, role: str, setup: msgspec.Struct) -> None:
    module, folder = place(run, role)
    (folder / "live" / f"{module}.msgpack").write_bytes(msgspec.msgpack.encode(setup))


# After the day ------------------------------------------------------------------------------------


def gather(run: Path, leader: str) -> int:
    """Put together what both nodes did; `leader` is the role that led last. Returns the frames in
    which the follower's copy differs from the leader's journal.
    """
    other = run / STANDBY
    if leader.endswith(NODE_B):
        for part in ("journal", "snap"):
            _swap(run / part / Maker.NAME, other / part / Maker.NAME)
        _swap_names(run, other)
    for name in ("maker.jsonl", "gateway.jsonl"):
        lines = read_lines(run / "live" / name) + read_lines(other / "live" / name)
        lines.sort(key=_at)
        data = b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
        (run / "live" / name).rename(run / "live" / f"a-{name}")
        (run / "live" / name).write_bytes(data)
    views = [*_views(run), *_views(other)]
    views.sort(key=lambda view: view.at)
    (run / "live" / "views.bin").write_bytes(b"".join(encode_frame(view) for view in views))
    return _differing(run, other)


def _at(line: dict[str, Any]) -> int:
    return int(line["at"])


def _views(node: Path) -> list[Notify]:
    path = node / "live" / "views.bin"
    reader: FrameReader[Notify] = FrameReader(Notify)
    return reader.feed(path.read_bytes()) if path.exists() else []


def _swap(mine: Path, theirs: Path) -> None:
    if not theirs.exists():
        return
    between = theirs.with_name(theirs.name + ".swap")
    theirs.rename(between)
    if mine.exists():
        mine.rename(theirs)
    mine.parent.mkdir(parents=True, exist_ok=True)
    between.rename(mine)


def _swap_names(run: Path, other: Path) -> None:
    """The names of the copies, streams and rows of a table, go with the makers' journals."""
    nodes = (run, other)
    if all((node / PLACE).exists() for node in nodes):
        found = [msgspec.json.decode((node / PLACE).read_bytes(), type=Place) for node in nodes]
        _swap_maker(*(place.streams for place in found))
        for node, place in zip(nodes, found, strict=True):
            (node / PLACE).write_bytes(msgspec.json.encode(place) + b"\n")
    if all((node / NAMES).exists() for node in nodes):
        mine, theirs = (
            msgspec.json.decode((node / NAMES).read_bytes(), type=dict[str, str]) for node in nodes
        )
        _swap_maker(mine, theirs)
        for node, names in zip(nodes, (mine, theirs), strict=True):
            write_names(node, names)


def _swap_maker(mine: dict[str, str], theirs: dict[str, str]) -> None:
    mine[Maker.NAME], theirs[Maker.NAME] = theirs[Maker.NAME], mine[Maker.NAME]


def _differing(run: Path, other: Path) -> int:
    """Frames of the follower's copy that are not the leader's, and those it has beyond them."""
    name = Maker.NAME
    copy = read_segments(other / "journal" / name, name)
    ours = read_segments(run / "journal" / name, name)
    count = 0
    for frame in copy:
        match = next(ours, None)
        count += match is None or match.chain != frame.chain
    return count
