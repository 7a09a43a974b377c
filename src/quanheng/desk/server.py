"""The console's server: one application, the pictures' clock, who may ask for which scene."""

import asyncio
import contextlib
import sys
import time
import traceback
from collections.abc import AsyncGenerator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import msgspec
from litestar import Litestar
from litestar.datastructures import State

from quanheng.desk import routes
from quanheng.desk.access import Access
from quanheng.desk.api_document import openapi
from quanheng.desk.api_library import PlainLibrary
from quanheng.desk.assets import read_assets
from quanheng.desk.door import check_routes, door, harden, may_see
from quanheng.desk.hub import Client, Hub
from quanheng.desk.knocks import Knocks, Rates
from quanheng.desk.office import NoOffice, Office
from quanheng.desk.ports import END, Commands, Library, Reply, Source
from quanheng.desk.sites import FIRM_SITE, Site

T = TypeVar("T")
HEARTBEAT = 1.0
REPLIES = 1_000
"""Answers to commands that are kept by their number of the browser, so that asking again is
harmless.
"""
MOST_BODY = 1 << 20
"""Bytes of a request's body at most; nothing that a person or a program asks for is longer."""
DOOR_THREADS = 4
"""Look-ups in the store of people at once; further ones wait their turn."""
MOST_ACTS = 64
"""Acts of people at the keys that wait to be noted; one more is left out, the next one counts."""
CHECKED_EVERY = 5
"""Heartbeats between two looks whether the sessions are still good."""


class Console:
    """What runs beside the requests: the clock of the pictures and the heartbeat."""

    def __init__(
        self, source: Source, commands: Commands, access: Access, hub: Hub, period: float,
        office: Office | None = None,
    ) -> None:  # fmt: skip
        self.source = source
        self.office: Office = office or NoOffice()
        self.commands = commands
        self.access = access
        self.hub = hub
        self.period = period
        self.replies: dict[tuple[str, str], Reply] = {}
        self._scenes: dict[str, str] = {}
        self._counter = 0
        self._soon = asyncio.Event()
        self._model = ThreadPoolExecutor(1, "model")
        self._asks = ThreadPoolExecutor(4, "asks")
        self._slow = ThreadPoolExecutor(2, "slow")
        self._door = ThreadPoolExecutor(DOOR_THREADS, "door")
        self._judging: asyncio.Task[None] | None = None
        self._doing: set[asyncio.Task[Any]] = set()
        self._office = ThreadPoolExecutor(4, "office")
        self.failed = ""

    async def model(self, call: Callable[[], T]) -> T:
        """Run something of the source in its thread."""
        return await asyncio.get_running_loop().run_in_executor(self._model, call)

    async def admitted(self, call: Callable[[], T]) -> T:
        """Look something up in the store of people: in a thread, a few at once."""
        return await asyncio.get_running_loop().run_in_executor(self._door, call)

    def acted(self, token: str) -> None:
        """A person is at the keys of a page: keep the session awake; nobody waits for it."""
        if len(self._doing) < MOST_ACTS:
            task = asyncio.create_task(self.admitted(lambda: self.access.session(token)))
            self._doing.add(task)
            task.add_done_callback(self._doing.discard)

    async def asked(self, call: Callable[[], T]) -> T:
        """Run something that waits for the world in another one."""
        return await asyncio.get_running_loop().run_in_executor(self._asks, call)

    async def filed(self, call: Callable[[], T]) -> T:
        """Run something of the office in a thread that neither commands nor the door need."""
        return await asyncio.get_running_loop().run_in_executor(self._office, call)

    async def slowly(self, call: Callable[[], T]) -> T:
        """Run what takes long in a thread that no command needs: reasons, files, passwords."""
        return await asyncio.get_running_loop().run_in_executor(self._slow, call)

    def hurry(self) -> None:
        """Make the next picture at once."""
        self._soon.set()

    def new_scene(self, token: str) -> str:
        """A scene of a session's own."""
        self._counter += 1
        name = f"r{self._counter}"
        self._scenes[name] = token
        return name

    def left(self, scene: str) -> None:
        """A browser has left a scene."""
        if scene != END:
            self._scenes.pop(scene, None)
            self.source.drop(scene)

    def mine(self, scene: str, token: str) -> bool:
        """Is a scene the end of the run, or one of this session?"""
        return scene == END or self._scenes.get(scene) == token

    def keep(self, user: str, idem: str, reply: Reply) -> Reply:
        """Remember an answer."""
        if idem:
            self.replies[user, idem] = reply
            while len(self.replies) > REPLIES:
                del self.replies[next(iter(self.replies))]
        return reply

    async def pictures(self) -> None:
        """Show what moves, `period` seconds apart, sooner after a subscription."""
        while True:
            began = time.monotonic()
            wanted = self.hub.wanted()
            try:
                shown = await self.model(lambda: self.source.tick(wanted))  # noqa: B023
                self.failed = ""
            except Exception as error:  # the screen says so; the next picture may do
                if not self.failed:
                    sys.stderr.write("".join(traceback.format_exception(error)))
                self.failed = f"{type(error).__name__}: {error}"
                shown = {}
            for scene, picture in shown.items():
                self.hub.publish(scene, picture, time.monotonic())
            left = self.period - (time.monotonic() - began)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._soon.wait(), max(0.02, left))
            self._soon.clear()

    async def judge(self, client: Client) -> bool:
        """End a browser whose session is over (False), or take from it what it may no longer see.
        The clock asks, so it keeps nobody awake.
        """
        token = client.token
        session = await self.admitted(lambda: self.access.session(token, active=False))
        if session is None:
            client.over = True
            client.end()
        else:
            self.hub.judge(client, session, lambda name: may_see(session, name))
        return session is not None

    async def _judge_all(self) -> None:
        """Judge everybody. With a store that cannot be asked the screens go on as they were; every
        request is refused meanwhile.
        """
        for client in [*self.hub.clients]:
            try:
                await self.judge(client)
            except Exception as error:
                sys.stderr.write("".join(traceback.format_exception(error)))
                return

    async def beats(self) -> None:
        """Say each second how old everything is; end what is no longer allowed."""
        count = 0
        while True:
            pulse = {"t": "hb", "now": time.time(), "failed": self.failed, **self.source.pulse()}
            text = msgspec.json.encode(pulse).decode()
            count += 1
            for client in [*self.hub.clients]:
                client.beat(text)
            if count % CHECKED_EVERY == 0 and (self._judging is None or self._judging.done()):
                self._judging = asyncio.create_task(self._judge_all())
            await asyncio.sleep(HEARTBEAT)

    @contextlib.asynccontextmanager
    async def running(self, app: Litestar) -> AsyncGenerator[None, None]:
        """The life of the application."""
        tasks = [asyncio.create_task(self.pictures()), asyncio.create_task(self.beats())]
        try:
            yield
        finally:
            for task in (*tasks, *([self._judging] if self._judging else []), *self._doing):
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError, Exception):
                    await task
            for pool in (self._model, self._asks, self._slow, self._office, self._door):
                pool.shutdown(cancel_futures=True)


def application(
    source: Source, commands: Commands, access: Access, *, period: float = 0.5,
    secure: bool = False, library: Library | None = None,
    office: Office | None = None, site: Site = FIRM_SITE,
) -> Litestar:  # fmt: skip
    """The whole console. `period` seconds between pictures; `secure` when it is behind TLS;
    `library` is what programs read beside the screen's tables, `office` fills the pages beside the
    machine's pictures; `site`: whose console it is, and so which routes there are.

    OpenRouteError when a route names no permission.
    """
    hub = Hub()
    console = Console(source, commands, access, hub, period, office)
    state: Mapping[str, Any] = {
        "hub": hub, "console": console, "access": access, "assets": read_assets(),
        "secure": secure, "library": library or PlainLibrary(source),
        "views": site.views, "commands": site.commands,
        "knocks": Knocks(), "tries": Knocks(), "rates": Rates(),
    }  # fmt: skip
    app = Litestar(
        route_handlers=[*site.handlers()],
        guards=[door],
        lifespan=[console.running],
        state=State(state),
        before_send=[harden],
        openapi_config=openapi(),
        request_max_body_size=MOST_BODY,
        exception_handlers=routes.FAULTS,
        logging_config=None,
    )
    check_routes(app)
    return app
