"""A line to the messaging servers for callers that have no event loop: one thread, one client.

The official client lives on asyncio. It runs in a thread of its own; callers hand coroutines over
and wait for them, or look later. A line that fails is dropped and dialled anew at the next server,
through the gate each time, so that a server which came back with another configuration is found.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotInTimeError
from pathlib import Path
from typing import Any, TypeVar

from quanheng.edge.nats_config import MessagingError, Servers
from quanheng.edge.nats_gate import examine
from quanheng.edge.tls import CARRIER, MESSAGING, client_context

T = TypeVar("T")
CALL = 4.0
"""Seconds that a request may take."""
DIAL = 4.0
WRONG_LAST = 10_071
"""The server's error code of an expectation that does not hold."""

Make = Callable[[Any], Awaitable[T]]
"""A coroutine function of the JetStream context."""


class LineDownError(MessagingError):
    """No server answers, or the one that did is gone; what was under way may have happened."""


class RefusedError(MessagingError):
    """A server answered and said no. `code`: its error code, 0 for none; `missing`: what was asked
    for is not there.
    """

    def __init__(self, text: str, code: int, missing: bool) -> None:
        super().__init__(text)
        self.code, self.missing = code, missing


class NatsLine:
    """`dial`, then `call` or `submit`; after a MessagingError of the line, `drop` and `dial`."""

    def __init__(self, servers: Servers, name: str) -> None:
        """`name`: what the server shows of this client. MessagingError without the client."""
        try:
            import nats  # noqa: F401
        except ImportError as error:
            raise MessagingError(
                "没有安装 nats-py（pip install 'quanheng[cluster]'）: nats-py is not installed"
            ) from error
        self.servers, self.name = servers, name
        self.seen = 0  # servers that passed the gate when it was last asked
        self._client: Any = None
        self._context: Any = None
        self._turn = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="messaging", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    @property
    def up(self) -> bool:
        """A server passed the gate and has not gone since."""
        client = self._client
        return client is not None and bool(client.is_connected)

    def dial(self) -> None:
        """Connect to the next server that answers, and pass the gate there.

        LineDownError when none answers, GateRefusedError when one is not as it should be.
        """
        self.finish(self.dialling(), DIAL * (len(self.servers.urls) + 1))

    def dialling(self) -> "Future[None]":
        """The same, for a caller that does not wait."""
        return asyncio.run_coroutine_threadsafe(self._dial(), self._loop)

    async def _dial(self) -> None:
        from nats.aio.client import Client

        await self._drop()
        said = "no server is listed"
        for _ in self.servers.urls:
            url = self.servers.urls[self._turn % len(self.servers.urls)]
            self._turn += 1
            client = Client()
            try:
                await asyncio.wait_for(
                    client.connect(
                        url, name=self.name, **self._secured(), allow_reconnect=False,
                        connect_timeout=2, ping_interval=2, max_outstanding_pings=2,
                        error_cb=_quiet,
                        # Its own tries at a server that refuses would take as long as DIAL.
                        max_reconnect_attempts=1, reconnect_time_wait=0,
                    ),
                    DIAL,
                )  # fmt: skip
            except Exception as error:
                said = f"{url}: {str(error) or type(error).__name__}"
                await _end(client)
                continue
            try:
                await self._pass(client)
            except BaseException:
                await _end(client)
                raise
            self._client = client
            self._context = client.jetstream(timeout=CALL)
            return
        raise LineDownError(f"no messaging server answers: {said}")

    def _secured(self) -> dict[str, Any]:
        """TLS from the first byte on: a server that would talk in plain text is not talked to. Read
        anew for each dial, since certificates are renewed. CertificateError.
        """
        if not self.servers.tls:
            return {}
        context = client_context(Path(self.servers.tls), CARRIER)
        return {"tls": context, "tls_hostname": MESSAGING, "tls_handshake_first": True}

    async def _pass(self, client: Any) -> None:
        attached = str(client._server_info.get("server_id", ""))
        self.seen = await asyncio.to_thread(examine, self.servers, attached)

    def check(self) -> None:
        """Ask the gate again. GateRefusedError when a server is not as it should be any more."""
        self.finish(self.checking())

    def checking(self) -> "Future[None]":
        """The same, for a caller that does not wait."""
        return asyncio.run_coroutine_threadsafe(self._check(), self._loop)

    async def _check(self) -> None:
        if self._client is not None:
            await self._pass(self._client)

    def submit(self, make: Make[T]) -> "Future[T]":
        """Begin something; `finish` turns what it raises into ours."""
        return asyncio.run_coroutine_threadsafe(self._one(make), self._loop)

    async def _one(self, make: Make[T]) -> T:
        if self._context is None:
            raise LineDownError("the line to the messaging servers is not up")
        return await make(self._context)

    def call(self, make: Make[T], seconds: float = CALL) -> T:
        """Do something and wait for it. LineDownError, RefusedError."""
        return self.finish(self.submit(make), seconds)

    def finish(self, future: "Future[T]", seconds: float = CALL) -> T:
        """What was begun, once it is done. LineDownError, RefusedError, GateRefusedError."""
        try:
            return future.result(seconds)
        except MessagingError:
            raise
        except NotInTimeError as error:
            future.cancel()
            raise LineDownError(f"no answer within {seconds:.0f} s") from error
        except Exception as error:
            raise _ours(error) from error

    def abandon(self) -> None:
        """End the connection that stands, without waiting for it."""
        asyncio.run_coroutine_threadsafe(self._drop(), self._loop)

    def drop(self) -> None:
        """End the connection that stands."""
        self.finish(asyncio.run_coroutine_threadsafe(self._drop(), self._loop), CALL)

    async def _drop(self) -> None:
        client, self._client, self._context = self._client, None, None
        if client is not None:
            await _end(client)

    async def _over(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self._drop()

    def close(self) -> None:
        """End line and thread."""
        try:
            self.finish(asyncio.run_coroutine_threadsafe(self._over(), self._loop), CALL)
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(5.0)
            self._loop.close()


async def _end(client: Any) -> None:
    """Close a client; the socket goes even when the server takes nothing more."""
    try:
        await asyncio.wait_for(client.close(), 1.0)
    except Exception as error:
        await _quiet(error)
    finally:
        writer = getattr(client._transport, "_io_writer", None)
        if writer is not None:
            writer.transport.abort()
            await asyncio.sleep(0)


async def _quiet(error: BaseException) -> None:
    """Losses are told by whoever needed the line, not on standard error."""


def _ours(error: Exception) -> MessagingError:
    from nats.js.errors import APIError, KeyWrongLastSequenceError, NotFoundError

    if isinstance(error, KeyWrongLastSequenceError):  # it carries no code of its own
        return RefusedError(str(error), WRONG_LAST, missing=False)
    if isinstance(error, APIError) and error.code is not None and error.code < 500:
        text = error.description or str(error)
        return RefusedError(text, error.err_code or 0, isinstance(error, NotFoundError))
    return LineDownError(str(error) or type(error).__name__)
