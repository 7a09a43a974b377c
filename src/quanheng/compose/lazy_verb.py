"""Verbs whose packages are an extra: they are loaded when they are called, not before."""

from importlib import import_module
from typing import Any

import click


class LazyGroup(click.Group):
    """A group of verbs found in another module under the group's own name."""

    def __init__(self, name: str, module: str, extra: str, help: str) -> None:  # noqa: A002
        super().__init__(name=name, help=help)
        self._where, self._extra = module, extra

    def _real(self) -> click.Group:
        try:
            found: Any = getattr(import_module(self._where), str(self.name))
        except ModuleNotFoundError as error:
            if error.name and error.name.startswith("quanheng"):
                raise
            said = f"{self.name} needs {error.name}: install quanheng[{self._extra}]"
            raise click.ClickException(said) from error
        assert isinstance(found, click.Group), self._where
        return found

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of the verbs."""
        return self._real().list_commands(ctx)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A verb by its name."""
        return self._real().get_command(ctx, cmd_name)


MESSAGING = LazyGroup(
    "messaging", "quanheng.compose.messaging_cli", "cluster",
    "Servers that carry copies of journals to other hosts (docs/messaging.md).",
)  # fmt: skip
PEOPLE = LazyGroup(
    "people", "quanheng.compose.people_cli", "console",
    "Persons, posts, rights, sessions and their trail (docs/people.md).",
)  # fmt: skip
REGISTER = LazyGroup(
    "register", "quanheng.compose.register_cli", "console",
    "Decisions, wall-crossings, letters, agreements, filings: registers that only grow.",
)  # fmt: skip
DOCUMENTS = LazyGroup(
    "documents", "quanheng.compose.documents_cli", "console,reports",
    "Forms, letters, plans and application packages, from draft to filing (docs/documents.md).",
)  # fmt: skip
VERBS = (MESSAGING, PEOPLE, REGISTER, DOCUMENTS)
