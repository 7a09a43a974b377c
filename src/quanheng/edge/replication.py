"""Replication of a journal between two nodes: the leader's side (house.md 6.6, borders.md 2).

One follower at a time dials, says where its copy ends, and gets whole frames in order: first from
the segments, in pieces, then as they are appended, before the leader's own fsync. It answers with
what it holds durably. A follower that reads too slowly gets its frames from the segments again, so
nothing queues without bound. The follower checks every frame; the leader trusts its own disk.
"""

import socket
from collections.abc import Callable
from pathlib import Path

import msgspec

from quanheng.edge.dialer import take_frames
from quanheng.edge.link_messages import FrameReader, encode_frame
from quanheng.edge.loop import Connection, Loop
from quanheng.edge.tls import Channel
from quanheng.runtime.disk import Disk
from quanheng.runtime.journal import HEADER_BYTES, MAX_PAYLOAD, payload_length
from quanheng.runtime.segment import REAL, SegmentJournal, segment_paths
from quanheng.terms.units import MILLISECOND, Nanos

PIECE = 256 << 10
"""Bytes of old frames that one turn of the leader reads and sends."""
HIGH_WATER = 4 << 20
"""Above so many unsent bytes a follower gets its frames from the segments."""
BOUND = MAX_PAYLOAD + (1 << 20)
"""Of one message: the longest frame, or a piece."""
BACKLOG = 2 * BOUND
BEAT_EVERY = 100 * MILLISECOND


class Follow(msgspec.Struct, frozen=True, array_like=True, tag="follow"):
    """Follower: send me what comes after this. `build`: the code it runs (F17)."""

    machine: str
    next_seq: int
    chain: bytes
    build: str


class Durable(msgspec.Struct, frozen=True, array_like=True, tag="durable"):
    """Follower: my copy is on disk up to this frame."""

    seq: int


class Diverged(msgspec.Struct, frozen=True, array_like=True, tag="diverged"):
    """Follower: my machine, fed with your inputs, said something else; I follow no more."""

    frame: int
    input_seq: int
    what: str
    journaled: str
    replayed: str


class Frames(msgspec.Struct, frozen=True, array_like=True, tag="frames"):
    """Leader: whole frames of the journal, in order. Empty is a beat."""

    data: bytes


class Parted(msgspec.Struct, frozen=True, array_like=True, tag="parted"):
    """Leader: your copy is no part of mine, or your code is another; `begin`: start from 1."""

    why: str
    begin: bool


ToLeader = Follow | Durable | Diverged
ToFollower = Frames | Parted


class ReplicatedJournal(SegmentJournal):
    """The journal of a node; `fresh` collects the bytes of frames appended since it was taken,
    and is None while nobody follows closely.
    """

    __slots__ = ("fresh",)

    def __init__(self, root: Path, machine: str, **options: int | bool | Disk) -> None:
        self.fresh: bytearray | None = None
        super().__init__(root, machine, **options)  # type: ignore[arg-type]

    def next_frame(self, kind: int, payload: bytes) -> tuple[bytes, bytes]:
        """As ever, and remember the bytes."""
        head, body = super().next_frame(kind, payload)
        if self.fresh is not None:
            self.fresh += head
            self.fresh += body
        return head, body


class OldFrames:
    """Raw frames of a journal folder from a seq on, by their headers alone."""

    def __init__(self, folder: Path, seq: int, disk: Disk = REAL) -> None:
        self.seq = seq  # next frame to hand out
        self._folder, self._disk = folder, disk
        self._path: Path | None = None
        self._offset = 0
        self._at = 0  # the frame at the offset; below `seq` while that is sought

    def piece(self) -> bytes:
        """Some whole frames; empty when there are none yet, or while the place is sought."""
        data = self._read()
        if not data and self._open():
            data = self._read()
        begin = end = 0
        while len(data) - end >= HEADER_BYTES:
            size = HEADER_BYTES + payload_length(data[end : end + 8])
            if end + size > len(data):
                break
            end += size
            self._at += 1
            if self._at <= self.seq:
                begin = end
        self._offset += end
        self.seq = max(self.seq, self._at)
        return data[begin:end]

    def _read(self) -> bytes:
        """A piece from the offset on, at least a whole frame where there is one."""
        if self._path is None:
            return b""
        data = self._disk.read_part(self._path, self._offset, PIECE)
        if len(data) >= HEADER_BYTES and len(data) < (whole := HEADER_BYTES + payload_length(data)):
            data = self._disk.read_part(self._path, self._offset, whole)
        return data

    def _open(self) -> bool:
        """Go to the segment of the next frame; False when there is none beyond the one read."""
        wanted = max(self._at, self.seq)
        found = [one for one in segment_paths(self._folder, self._disk) if one[0] <= wanted]
        if not found or found[-1][1] == self._path:
            return False
        self._at, self._path = found[-1]
        self._offset = 0
        return True


class ReplicaServer:
    """Serves one follower; `push` before each fsync of the leader, `tick` each turn.

    `durable` is what the follower holds on disk, 0 without one; `close` is true while it gets
    frames as they are appended. `on_news` hears (what, figures) of joins, losses, divergence;
    `channel` secures the connections.
    """

    def __init__(
        self,
        loop: Loop,
        listener: socket.socket,
        journal: ReplicatedJournal,
        folder: Path,
        build: str,
        on_news: Callable[[str, dict[str, object]], None],
        channel: Callable[[], Channel] | None = None,
    ) -> None:
        self.durable = 0
        self._since: Nanos = 0  # since when it owes a confirmation, 0 while it owes none
        self.bytes = 0
        self._journal, self._folder, self._build = journal, folder, build
        self._news = on_news
        self._channel = channel
        self._follower: Connection | None = None
        self._old: OldFrames | None = None
        self._sent = 0  # last frame sent
        self._now: Nanos = 0
        self._beat_at: Nanos = 0
        self._loop = loop
        self._listener = listener
        loop.listen(listener, self._accept)

    @property
    def there(self) -> bool:
        """A follower is connected and takes frames."""
        return self._follower is not None

    @property
    def close(self) -> bool:
        """The follower gets frames as they are appended."""
        return self._follower is not None and self._old is None

    def late(self, now: Nanos, bound: Nanos) -> bool:
        """A close follower has confirmed nothing for so long, although it was sent frames."""
        return self.close and bool(self._since) and now - self._since > bound

    def push(self) -> None:
        """Send what was appended since the last call; nothing is waited for."""
        fresh = self._journal.fresh
        if not fresh or self._follower is None:
            return
        data = bytes(fresh)
        fresh.clear()
        self._sent = self._journal.next_seq - 1
        self._since = self._since or self._now
        self._send(data)
        if self._follower is not None:
            self._follower.flush()
            if self._follower is not None and self._follower.backlog > HIGH_WATER:
                self._from_disk(self._sent + 1)

    def tick(self, now: Nanos) -> None:
        """A piece of what the follower still lacks; a beat."""
        self._now = now
        follower = self._follower
        if follower is None:
            return
        if self._old is not None and follower.backlog < HIGH_WATER:
            self._journal.flush()
            data = self._old.piece()
            self._sent = self._old.seq - 1
            self._send(data)
            if self._old is not None and self._old.seq >= self._journal.next_seq:
                self._old = None
                self._journal.fresh = bytearray()
                self._since = now
                self._news("follower_close", {"seq": self._sent})
        if now >= self._beat_at and self._follower is not None:
            self._beat_at = now + BEAT_EVERY
            self._follower.send(encode_frame(Frames(b"")))

    def _send(self, data: bytes) -> None:
        if data and self._follower is not None:
            self.bytes += len(data)
            self._follower.send(encode_frame(Frames(data)))

    def _from_disk(self, seq: int) -> None:
        self._journal.fresh = None
        self._old = OldFrames(self._folder, seq)

    def _accept(self, sock: socket.socket) -> None:
        reader: FrameReader[Follow | Durable | Diverged] = FrameReader(ToLeader)

        def on_data(data: bytes) -> None:
            take_frames(connection, reader, data, lambda message: self._take(connection, message))

        def on_close(why: str) -> None:
            if self._follower is connection:
                self._lost(why)

        channel = None if self._channel is None else self._channel()
        connection = Connection(self._loop, sock, on_data, on_close, BACKLOG, channel)

    def _lost(self, why: str) -> None:
        self._follower = self._old = None
        self._journal.fresh = None
        self.durable = 0
        self._news("follower_lost", {"why": why})

    def _take(self, connection: Connection, message: Follow | Durable | Diverged) -> None:
        if isinstance(message, Follow):
            self._begin(connection, message)
        elif connection is not self._follower:
            connection.close("say first where your copy ends")
        elif isinstance(message, Durable):
            if message.seq > self._sent:
                connection.close(f"frame {message.seq} was never sent")
                return
            self.durable = message.seq
            self._since = self._now if message.seq < self._sent else 0
        else:
            self._news("follower_diverged", {"frame": message.frame, "why": message.what})
            connection.close("it diverged")

    def _begin(self, connection: Connection, follow: Follow) -> None:
        journal = self._journal
        why, begin = "", False
        if follow.machine != journal.machine:
            why = f"this is the journal of {journal.machine}, not of {follow.machine}"
        elif follow.build != self._build:
            why = f"the leader runs build {self._build}, the follower {follow.build}"
        elif follow.next_seq > journal.next_seq:
            why, begin = f"the copy goes on to frame {follow.next_seq - 1}", True
        elif follow.next_seq == journal.next_seq and follow.chain != journal.chain:
            why, begin = f"the copy parts at or before frame {follow.next_seq - 1}", True
        if why:
            connection.send(encode_frame(Parted(why, begin)))
            connection.flush()
            connection.close(why)
            self._news("follower_refused", {"why": why})
            return
        before, self._follower = self._follower, None
        if before is not None:
            before.close("another follower is here")
        self._follower = connection
        self.durable = self._sent = follow.next_seq - 1
        self._since = 0
        self._from_disk(follow.next_seq)
        self._news("follower_came", {"from": follow.next_seq})

    def stop(self) -> None:
        """Serve nobody any more."""
        self._loop.unlisten(self._listener)
        self._listener.close()
        if self._follower is not None:
            self._follower.close("the leader ends")
