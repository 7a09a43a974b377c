"""The base of every gateway, as far as an order link calls it or is called by it."""

from typing import Any

from vnpy.event import Event, EventEngine
from vnpy.trader import event as names
from vnpy.trader.object import LogData


class BaseGateway:
    default_name = ""
    default_setting: dict[str, Any] = {}  # noqa: RUF012 (as there)

    def __init__(self, event_engine: EventEngine, gateway_name: str) -> None:
        self.event_engine = event_engine
        self.gateway_name = gateway_name

    def on_event(self, type: str, data: object = None) -> None:  # noqa: A002
        self.event_engine.put(Event(type, data))

    def on_trade(self, trade: Any) -> None:
        self.on_event(names.EVENT_TRADE, trade)

    def on_order(self, order: Any) -> None:
        self.on_event(names.EVENT_ORDER, order)

    def on_account(self, account: Any) -> None:
        self.on_event(names.EVENT_ACCOUNT, account)

    def on_contract(self, contract: Any) -> None:
        self.on_event(names.EVENT_CONTRACT, contract)

    def on_log(self, log: Any) -> None:
        self.on_event(names.EVENT_LOG, log)

    def write_log(self, msg: str) -> None:
        self.on_log(LogData(msg=msg, gateway_name=self.gateway_name))

    def connect(self, setting: dict[str, Any]) -> None:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError

    def send_order(self, req: Any) -> str:
        raise NotImplementedError

    def cancel_order(self, req: Any) -> None:
        raise NotImplementedError

    def query_account(self) -> None:
        raise NotImplementedError
