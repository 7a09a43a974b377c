"""A broker's counter that only the test moves, and a vnpy gateway class that speaks to it."""

from copy import copy
from typing import Any

from vnpy.trader.constant import Exchange, Product, Status
from vnpy.trader.gateway import BaseGateway
from vnpy.trader.object import AccountData, ContractData, OrderData, TradeData

BROKERS: dict[str, "Broker"] = {}


class Broker:
    """Orders and trades of the account on this day, whoever is connected."""

    def __init__(self, name: str, contracts: tuple[str, ...]) -> None:
        BROKERS[name] = self
        self.contracts = contracts
        self.tick = 0.001
        self.orders: dict[str, OrderData] = {}
        self.trades: list[TradeData] = []
        self.cancels: list[str] = []
        self.gateways: list[StubGateway] = []
        self.alive = True  # answers the account, takes orders
        self.answering = True  # tells what happens; what it does not tell it does all the same
        self.deaf = False  # cancels come to nothing, and nobody is told
        self.instant = True  # orders rest at once
        self.keeps_reference = True
        self.reject: set[tuple[str, str]] = set()  # (contract, direction name)
        self.raises = ""  # method that raises

    def tell(self, order: OrderData) -> None:
        """The order's state to whoever is connected."""
        if self.answering:
            for gateway in self.gateways:
                gateway.on_order(copy(order))

    def take(self, order: OrderData) -> None:
        """A new order."""
        self.orders[order.orderid] = order
        assert order.direction is not None
        if (order.symbol, order.direction.name) in self.reject:
            order.status = Status.REJECTED
            self.tell(order)
            for gateway in self.gateways:
                gateway.write_log("交易委托失败，代码：10450，信息：订单价格超出范围")
        else:
            self.tell(order)
            if self.instant:
                self.rest(order)

    def rest(self, order: OrderData) -> None:
        order.status = Status.NOTTRADED
        self.tell(order)

    def cancel(self, orderid: str) -> None:
        self.cancels.append(orderid)
        order = self.orders[orderid]
        if not self.deaf and order.status in (
            Status.SUBMITTING, Status.NOTTRADED, Status.PARTTRADED,
        ):  # fmt: skip
            order.status = Status.CANCELLED
            self.tell(order)

    def fill(self, order: OrderData, qty: int, price: float | None = None) -> TradeData:
        """Fill some of an order; the trade is told, then the order."""
        order.traded += qty
        whole = order.traded == order.volume
        if order.status != Status.CANCELLED:
            order.status = Status.ALLTRADED if whole else Status.PARTTRADED
        trade = TradeData(
            "QH", order.symbol, order.exchange, order.orderid, f"T{len(self.trades) + 1}",
            order.direction, order.offset, order.price if price is None else price, qty,
        )  # fmt: skip
        self.trades.append(trade)
        if self.answering:
            for gateway in self.gateways:
                gateway.on_trade(trade)
        self.tell(order)
        return trade

    def live(self) -> list[OrderData]:
        """What may trade."""
        dead = (Status.CANCELLED, Status.REJECTED, Status.ALLTRADED)
        return [order for order in self.orders.values() if order.status not in dead]

    def repeat(self) -> None:
        """Tell the day so far once more."""
        for gateway in self.gateways:
            for order in self.orders.values():
                gateway.on_order(copy(order))
            for trade in self.trades:
                gateway.on_trade(trade)

    def say(self, text: str) -> None:
        for gateway in self.gateways:
            gateway.write_log(text)


class StubGateway(BaseGateway):
    """What a gateway of a broker's counter does, without the counter."""

    broker: Broker

    def connect(self, setting: dict[str, Any]) -> None:
        self.broker = BROKERS[setting["broker"]]
        self.broker.gateways.append(self)
        if not self.broker.alive:
            self.write_log("交易服务器登录失败，代码：3，信息：CTP:不合法的登录")
            return
        self.write_log("交易服务器登录成功")
        for code in self.broker.contracts:
            contract = ContractData(
                self.gateway_name, code, Exchange.SSE, "50ETF", Product.OPTION, 10_000,
                self.broker.tick,
            )  # fmt: skip
            self.on_contract(contract)
        self.query_account()
        for order in self.broker.orders.values():
            self.on_order(copy(order))
        for trade in self.broker.trades:
            self.on_trade(trade)

    def close(self) -> None:
        if self in self.broker.gateways:
            self.broker.gateways.remove(self)

    def _fault(self, method: str) -> None:
        if self.broker.raises == method:
            raise RuntimeError("柜台接口异常")

    def send_order(self, req: Any) -> str:
        broker = self.broker
        if not broker.alive:
            return ""
        orderid = f"1_2_{len(broker.orders) + 1}"
        reference = req.reference if broker.keeps_reference else ""
        order = OrderData(
            self.gateway_name, req.symbol, req.exchange, orderid, req.type, req.direction,
            req.offset, req.price, req.volume, 0, Status.SUBMITTING, None, reference,
        )  # fmt: skip
        broker.take(order)
        self._fault("send_order")
        return f"{self.gateway_name}.{orderid}"

    def cancel_order(self, req: Any) -> None:
        self._fault("cancel_order")
        self.broker.cancel(req.orderid)

    def subscribe(self, req: Any) -> None:
        """Orders only."""

    def query_position(self) -> None:
        """Positions come from the clearing files."""

    def query_account(self) -> None:
        if self.broker.alive:
            self.on_account(AccountData(self.gateway_name, "1", 1e6, 0))
