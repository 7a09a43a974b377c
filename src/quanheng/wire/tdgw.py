"""TDGW sessions of the option platform: the member's side and the gateway's side.

The two classes differ in their tables only: which messages a side may receive in which state, and
what it does with them (interfaces.md 1.4 to 1.8; T-01). Every `send_*` returns the bytes to
write, including anything queued before; after `receive` and `tick` write `output()`.
"""

from quanheng.wire.events import (
    Disconnect,
    EndOfStream,
    Event,
    ExecRptInfo,
    InquiryArrived,
    LoggedOn,
    LoggedOut,
    PlatformState,
    ProtocolError,
    RejectArrived,
    ReportArrived,
    ReportGap,
    ReportUnreadable,
    RequestArrived,
    ResponseArrived,
    SyncAnswered,
    SyncRequested,
)
from quanheng.wire.session import Phase, SessionError
from quanheng.wire.tdgw_client import ClientSession
from quanheng.wire.tdgw_server import ServerSession

__all__ = [
    "ClientSession",
    "Disconnect",
    "EndOfStream",
    "Event",
    "ExecRptInfo",
    "InquiryArrived",
    "LoggedOn",
    "LoggedOut",
    "Phase",
    "PlatformState",
    "ProtocolError",
    "RejectArrived",
    "ReportArrived",
    "ReportGap",
    "ReportUnreadable",
    "RequestArrived",
    "ResponseArrived",
    "ServerSession",
    "SessionError",
    "SyncAnswered",
    "SyncRequested",
]
