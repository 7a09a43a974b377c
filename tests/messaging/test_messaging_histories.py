"""F65: the stream is deleted, cut short, forked, damaged, made by somebody else, written twice.

What is lost is filled again from the segments; another history is named and made anew.
"""

from pathlib import Path

import msgspec
import pytest
from copy_rig import MACHINE, CopyRig, leader, stepped
from nats_rig import Cluster, wait_for

from quanheng.edge.clock import monotonic
from quanheng.edge.nats_line import WRONG_LAST, RefusedError
from quanheng.edge.nats_stream import FrameStream, raw
from quanheng.runtime.journal import EFFECTS, INPUT
from quanheng.runtime.segment import SegmentJournal


def test_f65_a_deleted_stream_is_filled_again(rig: CopyRig) -> None:
    """Everything is in the segments."""
    rig.stream().drop()
    rig.write(30)
    rig.copied()
    assert rig.held() == rig.kept() and rig.copier.made == 2
    assert rig.heard("anew")[-1]["why"] == "it is not there"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("cut short", "frame"),
        ("forked", "frame 11 is not the journal's"),
        ("damaged", "frame 11 is not the journal's"),
        ("longer", "frame 41 is not the journal's"),
        ("begins later", "it begins at frame 5, the journal at 1"),
    ],
)
def test_f65_another_history_is_named_and_made_anew(
    rig: CopyRig, tmp_path: Path, change: str, said: str
) -> None:
    """The stream is replaced behind the copier's back by one with another content; a cut-off end
    is simply filled, the others are named and made anew.
    """
    kept = rig.kept()
    other = SegmentJournal(tmp_path / "other", MACHINE)
    for number in range(60):
        text = (
            b"other" if number >= 5 and change == "forked" else b"\xa4ping%06d" % (3 * number + 1)
        )
        other.append(INPUT, text)
        other.append(EFFECTS, b"\x90")
    forked = [raw(frame) for frame in other.read(11)]
    other.close()
    messages = {
        "cut short": kept[:25],
        "forked": kept[:10] + forked,
        "damaged": [*kept[:10], kept[10][:-1] + b"?", *kept[11:]],
        "longer": [*kept, b"something else"],
        "begins later": kept[4:],
    }[change]
    stream, first = rig.stream(), 5 if change == "begins later" else 1
    stream.drop()
    stream.make(first)
    publish(stream, rig, messages, first)
    rig.write(4)
    wait_for(lambda: rig.turns(1) or rig.heard("unsure") or rig.heard("forked"), 20, "it is seen")
    rig.copied()
    assert rig.held() == rig.kept()
    named = [row["why"] for row in rig.heard("forked")]
    if change == "cut short":
        assert named == [] and rig.copier.made == 1
        assert rig.heard("unsure")[-1]["why"] == "it was made by somebody else"
    else:
        assert named and said in named[0], rig.said
        assert rig.copier.made == 2


def publish(stream: FrameStream, rig: CopyRig, messages: list[bytes], first: int) -> None:
    """Messages as they are, without the fences of the copier."""

    async def put(js: object) -> None:
        for data in messages:
            await js.publish(f"qh.journal.{stream.name}", data)  # type: ignore[attr-defined]

    rig.line().call(put, 30)


def test_f65_a_second_writer_is_refused(rig: CopyRig) -> None:
    """`Nats-Expected-Last-Sequence`: a gap and a second writer are refused by the server, and a
    second copier of the same journal adds nothing twice.
    """
    stream = rig.stream()
    frames = list(rig.journal.read(1))
    stream.put([frames[7]])  # sent again: dropped by its name, and nothing is doubled
    assert stream.look().last == 40
    other = msgspec.structs.replace(frames[7], payload=b"\xa5other")
    with pytest.raises(RefusedError) as told:
        stream.put([other])
    assert told.value.code == WRONG_LAST
    with pytest.raises(RefusedError) as gap:
        stream.put([msgspec.structs.replace(frames[-1], seq=99)])
    assert gap.value.code == WRONG_LAST
    second = rig.copier_of()
    rig.write(10)
    until = monotonic() + 20_000_000_000
    while second.copiers[0].confirmed < 60 and monotonic() < until:
        second.turn(monotonic())
    assert second.copiers[0].sure and second.copiers[0].confirmed == 60
    rig.copied()
    assert rig.held() == rig.kept() and rig.copier.made == 1
    second.close()


def test_f65_a_copy_that_is_cut_back_is_compared_again(rig: CopyRig) -> None:
    """A follower's journal that parts from its leader's goes back: the stream follows it."""
    rig.journal.close()
    folder = rig.run / "journal" / MACHINE
    (segment,) = folder.glob("*.seg")
    kept = rig.kept()
    segment.write_bytes(b"".join(kept[:30]))
    (folder / "end").unlink(missing_ok=True)
    rig.journal = SegmentJournal(rig.run, MACHINE)
    rig.write(3, b"\xa6others")
    again = rig.copier_of()
    rig.copying.close()
    rig.copying = again
    rig.copied()
    assert rig.held() == rig.kept() and len(rig.kept()) == 36
    assert "is not the journal's" in rig.heard("forked")[0]["why"]


def test_f65_another_leader_is_compared_from_the_start(
    rig: CopyRig, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind another server that leads the whole stream is compared again; a frame that is another
    one there is named and the stream made anew. The wrong frame is put between server and copier.
    """
    first = leader(rig)
    second, third = (server.name for server in cluster.servers if server.name != first)
    wait_for(lambda: rig.turns(1) or rig.copier.compared >= 40, 20, "the first look")
    stepped(rig, second)
    wait_for(lambda: rig.turns(1) or rig.copier.compared >= 80, 20, "it is compared again")
    assert not rig.heard("forked")
    read = FrameStream.read

    def wrong(self: FrameStream, seq: int, last: int) -> list[bytes]:
        return [data[:-1] + b"?" if n + seq == 31 else data
                for n, data in enumerate(read(self, seq, last))]  # fmt: skip

    monkeypatch.setattr(FrameStream, "read", wrong)
    stepped(rig, third)
    wait_for(lambda: rig.turns(1) or rig.heard("forked"), 20, "it is named")
    monkeypatch.undo()
    assert rig.heard("forked")[0]["why"] == "frame 31 is not the journal's"
    rig.copied()
    assert rig.held() == rig.kept() and rig.copier.made == 2


@pytest.mark.parametrize("leads", [True, False])
def test_f65_damaged_blocks_of_a_server_reach_nobody(
    rig: CopyRig, cluster: Cluster, leads: bool
) -> None:
    """A server dies, a byte of each block of its copy is another one, it comes back and leads: what
    a reader gets is the journal or an error, and in the end the stream is the journal (what the
    server itself makes of such a block is not promised: reliability.md 1.7).
    """
    first = leader(rig)
    hit = cluster.named(first if leads else next(
        server.name for server in cluster.servers if server.name != first))  # fmt: skip
    hit.kill()
    blocks = [*hit.folder.glob(f"store/jetstream/*/streams/{rig.name}/msgs/*.blk")]
    assert blocks
    for block in blocks:
        data = bytearray(block.read_bytes())
        data[len(data) // 2] ^= 0x40
        block.write_bytes(bytes(data))
    rig.write(30)  # while it is away
    cluster.whole()
    stepped(rig, hit.name)
    rig.copied()
    assert rig.held() == rig.kept() and len(rig.kept()) == 100
    for server in cluster.servers:
        if server is not hit:
            stepped(rig, server.name)
            rig.copied()
            assert rig.held() == rig.kept(), server.name


def test_f65_memory_is_bounded_behind_a_long_journal(rig: CopyRig) -> None:
    """What is under way at once has a bound, however far the copy is behind (promise 30)."""
    from quanheng.edge import nats_journal

    rig.stream().drop()
    rig.write(3_000, b"\xa4ping" + b"x" * 900)
    largest = 0
    put = rig.copier.stream.put

    def measured(frames: list[object]) -> None:
        nonlocal largest
        largest = max(largest, sum(frame.size for frame in frames))  # type: ignore[attr-defined]
        assert len(frames) <= nats_journal.BATCH_FRAMES
        put(frames)

    rig.copier.stream.put = measured
    rig.copied()
    assert 0 < largest <= nats_journal.BATCH_BYTES
    assert rig.held() == rig.kept()
