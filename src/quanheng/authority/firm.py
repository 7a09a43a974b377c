"""The firm's authority of a running day: what its risk department puts into force at the desk.

The same machine and policy as the desk's, with a journal of its own beside the other machines of
the day; `quanheng propose` keeps the desk's in `journal/authority`.
"""

from typing import ClassVar

from quanheng.authority.authority import Authority


class FirmAuthority(Authority):
    """See the module."""

    NAME: ClassVar[str] = "firm_authority"

    __slots__ = ()
