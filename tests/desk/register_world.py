"""The exchange's own site over a folder and a people store of its house."""

from pathlib import Path
from typing import Any

from litestar.testing import TestClient
from office_world import PASSWORD, PLACE, Firm
from test_desk_door import BASE, ORIGIN

from quanheng.compose.registry_files import PUBLISHED, Data
from quanheng.compose.registry_run import site
from quanheng.desk.access import Refused
from quanheng.desk.door import COOKIE, CSRF
from quanheng.desk.people.console import ConsoleAccess, ConsoleSession
from quanheng.desk.people.rules import EXCHANGE

DAY = 20240716
HOUSE = {"X01": "registrar", "X02": "reviewer", "X03": "auditor", "X05": "registrar",
         "X06": "reviewer"}  # fmt: skip
APPLIED = {"maker": "NEW1", "underlying": "510300", "kind": "primary", "step": "applied",
           "day": "2024-06-24", "reference": "申请 1"}  # fmt: skip


class Exchange:
    """The folder, its people, the application, and a client at its door."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "register"
        self.people = Firm(folder, "", HOUSE, Path(EXCHANGE))
        self.data = Data(self.folder)
        self.app = site(self.data, self.people.store, DAY)
        self.client = TestClient(self.app, base_url=BASE)
        self._in: dict[str, tuple[str, str]] = {}

    @property
    def published(self) -> Path:
        return self.folder / PUBLISHED

    def session(self, who: str) -> ConsoleSession:
        return ConsoleSession(self.people.actor(who))

    def enter(self, who: str) -> dict[str, str]:
        """Headers of a person who signed in once."""
        if who not in self._in:
            access = ConsoleAccess(self.people.store, "", Refused)
            token, session = access.login(who, PASSWORD, self.people.code(who), PLACE)
            self._in[who] = token, session.csrf
        token, csrf = self._in[who]
        self.client.cookies.clear()
        return {**ORIGIN, CSRF: csrf, "cookie": f"{COOKIE}={token}"}

    def get(self, who: str, path: str) -> Any:
        return self.client.get(path, headers=self.enter(who))

    def page(self, who: str, name: str, tab: str = "") -> dict[str, Any]:
        return self.get(who, f"/api/office/{name}?of={tab}").json()

    def act(self, who: str, name: str, **fields: Any) -> dict[str, Any]:
        headers = self.enter(who)
        answer = self.client.post(f"/api/act/{name}", json={"fields": fields}, headers=headers)
        return {"code": answer.status_code, **answer.json()}

    def step(self, who: str, **change: str) -> dict[str, Any]:
        return self.act(who, "registry.step", **{**APPLIED, **change})

    def rows(self, who: str, name: str, sheet: str, tab: str = "") -> list[dict[str, Any]]:
        for one in self.page(who, name, tab)["sheets"]:
            if one["name"] == sheet:
                found: list[dict[str, Any]] = one["rows"]
                return found
        raise AssertionError(f"no sheet {sheet}")

    def close(self) -> None:
        self.people.close()
