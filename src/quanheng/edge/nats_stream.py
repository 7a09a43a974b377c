"""The stream that holds a copy of a journal: one message a frame, its number the frame's number.

Whole frames as they stand in the segments, one after another, so that a frame's place in the stream
is its `seq`: what is to be published next is what the stream expects next, and any frame is read by
its number. The stream refuses deletion and purging of messages, and refuses what it has no room
for instead of dropping what is old.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from quanheng.edge.nats_line import CALL, LineDownError, NatsLine, RefusedError
from quanheng.runtime.journal import BadFrameError, ChainCheck, Frame, encode_frame, parse_frame

READ_AT_ONCE = 64
READ_SECONDS = 2.0
TRIES = 20
PAUSE = 0.1
"""Seconds between tries while a new consumer has no leader yet."""


class StreamSeen(msgspec.Struct, frozen=True):
    """What a stream holds: first and last frame (`last` < `first`: none), whether all between are
    there, who leads it among the servers, when it was made, and whether it is kept as we make it.
    """

    first: int
    last: int
    whole: bool
    leader: str
    made: str
    ours: bool


def stream_name(run: str, machine: str, token: str) -> str:
    """Name of the stream of a journal; `token` tells runs of one name apart."""
    plain = "".join(one if one.isascii() and one.isalnum() else "_" for one in f"{run}-{machine}")
    return f"QHJ-{plain}-{token}"


def subject_of(name: str) -> str:
    """Where the frames of a stream are published."""
    return f"qh.journal.{name}"


def raw(frame: Frame) -> bytes:
    """The bytes of a frame as they stand in its segment."""
    return encode_frame(frame.seq, frame.durable_seq, frame.kind, frame.prev, frame.payload)


class _NoTakerError(LineDownError):
    """No server listens to the subject of a stream."""


class FrameStream:
    """The verbs on one stream. Each raises LineDownError or RefusedError."""

    def __init__(self, line: NatsLine, name: str) -> None:
        self.name = name
        self._line = line
        self._reader: Any = None
        self._at = 0  # frame that the reader gives next

    def _config(self, first: int) -> Any:
        from nats.js import api

        return api.StreamConfig(
            name=self.name, subjects=[subject_of(self.name)], storage=api.StorageType.FILE,
            retention=api.RetentionPolicy.LIMITS, discard=api.DiscardPolicy.NEW,
            num_replicas=self._line.servers.replicas, deny_delete=True, deny_purge=True,
            allow_direct=False, first_seq=first if first > 1 else None, duplicate_window=120,
            description="Quanheng 权衡: copy of a journal, one message a frame",
        )  # fmt: skip

    def look(self) -> StreamSeen | None:
        """What it holds; None when there is no such stream."""
        from nats.js import api

        try:
            info = self._line.call(lambda js: js.stream_info(self.name))
        except RefusedError as error:
            if error.missing:
                return None
            raise
        state, config = info.state, info.config
        first, last = state.first_seq, state.last_seq
        if not state.messages:
            first = last + 1
        whole = state.messages == last - first + 1 and not state.num_deleted
        kept = (config.num_replicas, config.discard, config.retention, config.storage)
        mine = (
            self._line.servers.replicas, api.DiscardPolicy.NEW, api.RetentionPolicy.LIMITS,
            api.StorageType.FILE,
        )  # fmt: skip
        limits = (config.max_msgs, config.max_bytes, config.max_age, config.max_msgs_per_subject)
        free = all(one in (None, 0, -1) for one in limits)
        leader = info.cluster.leader if info.cluster is not None else ""
        ours = kept == mine and free and bool(config.deny_delete and config.deny_purge)
        return StreamSeen(first, last, whole, leader or "", str(info.created), ours)

    def make(self, first: int) -> str:
        """Make it, empty, its first frame to be `first`; when it was made."""
        return str(self._line.call(lambda js: js.add_stream(self._config(first))).created)

    def drop(self) -> None:
        """Delete it; one that is not there is no error."""
        self.forget()
        try:
            self._line.call(lambda js: js.delete_stream(self.name))
        except RefusedError as error:
            if not error.missing:
                raise

    def put(self, frames: Sequence[Frame]) -> None:
        """Publish frames in order; on every server that must have them when it returns.

        Each names itself (a second sending is dropped) and what the stream must end with (a gap or
        a second writer is refused): RefusedError of code WRONG_LAST. Frames before the one that
        failed may be there.
        """

        async def put(js: Any) -> None:
            for _ in range(TRIES):
                try:
                    return await self._put(js._nc, frames)
                except _NoTakerError:  # of a stream that was just made; nothing was taken
                    await asyncio.sleep(PAUSE)
            return await self._put(js._nc, frames)

        self._line.call(put)

    async def _put(self, client: Any, frames: Sequence[Frame]) -> None:
        # The client's own pipelined publication never tells of a refusal, so answers are ours.
        inbox = client.new_inbox()
        answers: dict[int, Any] = {}
        whole = asyncio.Event()

        async def take(message: Any) -> None:
            answers[int(message.subject.rsplit(".", 1)[1])] = message
            if len(answers) == len(frames):
                whole.set()

        subscription = await client.subscribe(f"{inbox}.*", cb=take)
        try:
            for number, frame in enumerate(frames):
                headers = {
                    "Nats-Msg-Id": f"{self.name}:{frame.seq}:{frame.chain.hex()[:16]}",
                    "Nats-Expected-Stream": self.name,
                    "Nats-Expected-Last-Sequence": str(frame.seq - 1),
                }
                await client.publish(
                    subject_of(self.name), raw(frame), reply=f"{inbox}.{number}", headers=headers
                )
            await whole.wait()
        finally:
            if client.is_connected:
                await subscription.unsubscribe()
        for number, frame in enumerate(frames):
            _acknowledged(answers[number], frame.seq)

    def read(self, seq: int, last: int) -> list[bytes]:
        """Messages from a frame on to `last`, as many as are given at once; consecutive, perhaps
        none.
        """
        wanted = min(READ_AT_ONCE, last - seq + 1)
        if wanted <= 0:
            return []
        if self._reader is None or self._at != seq:
            self._open(seq)
        reader = self._reader

        async def fetch(js: Any) -> Any:
            return await _patient(lambda: reader.fetch(wanted, timeout=READ_SECONDS))

        try:
            messages = self._line.call(fetch, READ_SECONDS + CALL)
        except (LineDownError, RefusedError):
            self._reader = None
            raise
        out = []
        for message in messages:
            if message.metadata.sequence.stream != self._at:
                self._reader = None  # what lies between is gone
                break
            out.append(message.data)
            self._at += 1
        return out

    def _open(self, seq: int) -> None:
        self.forget()

        async def begin(js: Any) -> Any:
            from nats.js import api

            config = api.ConsumerConfig(
                deliver_policy=api.DeliverPolicy.BY_START_SEQUENCE, opt_start_seq=seq,
                ack_policy=api.AckPolicy.NONE, mem_storage=True, num_replicas=1,
                inactive_threshold=60,
            )  # fmt: skip
            subject = subject_of(self.name)
            return await _patient(
                lambda: js.pull_subscribe(subject, stream=self.name, config=config)
            )

        self._reader, self._at = self._line.call(begin), seq

    def one(self, seq: int) -> bytes:
        """The message of one frame."""
        message = self._line.call(lambda js: js.get_msg(self.name, seq=seq))
        return bytes(message.data or b"")

    def forget(self) -> None:
        """Read no more where it was; the server forgets an idle reader by itself."""
        self._reader = None


async def _patient(make: Callable[[], Awaitable[Any]]) -> Any:
    """Again, a few times: a consumer that was just made may have no leader yet."""
    from nats.js import errors

    for _ in range(TRIES):
        try:
            return await make()
        except errors.ServiceUnavailableError:
            await asyncio.sleep(PAUSE)
    return await make()


def _acknowledged(message: Any, seq: int) -> None:
    """LineDownError or RefusedError unless an answer says that a frame is kept under its number."""
    if not message.data:
        raise _NoTakerError("no server takes frames for the stream")
    said = json.loads(message.data)
    error = said.get("error")
    if error is None and said.get("seq") == seq:
        return
    if error is None:
        raise LineDownError(f"frame {seq} was acknowledged as {said.get('seq')}")
    text, code = str(error.get("description", "")), int(error.get("code", 500))
    if code >= 500:
        raise LineDownError(text)
    raise RefusedError(text, int(error.get("err_code", 0)), code == 404)


def frame_of(data: bytes, check: ChainCheck) -> Frame | str:
    """The frame of a message if it is whole and follows on, else the reason."""
    try:
        frame = parse_frame(data, 0)
    except BadFrameError as error:
        return f"frame {check.seq}: {error}"
    if frame.size != len(data):
        return f"frame {check.seq}: {len(data) - frame.size} bytes follow it"
    reason = check.problem(frame)
    return f"frame {check.seq}: {reason}" if reason else frame
