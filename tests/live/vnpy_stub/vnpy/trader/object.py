"""The records that an order link meets, with vnpy's field names, order and defaults."""

import datetime as times
from dataclasses import dataclass, field
from typing import Any

from vnpy.trader.constant import Direction, Exchange, Offset, OrderType, Product, Status


@dataclass
class BaseData:
    gateway_name: str
    extra: dict[str, Any] | None = field(default=None, init=False)


@dataclass
class OrderData(BaseData):
    symbol: str
    exchange: Exchange
    orderid: str
    type: OrderType = OrderType.LIMIT
    direction: Direction | None = None
    offset: Offset = Offset.NONE
    price: float = 0
    volume: float = 0
    traded: float = 0
    status: Status = Status.SUBMITTING
    datetime: times.datetime | None = None
    reference: str = ""


@dataclass
class TradeData(BaseData):
    symbol: str
    exchange: Exchange
    orderid: str
    tradeid: str
    direction: Direction | None = None
    offset: Offset = Offset.NONE
    price: float = 0
    volume: float = 0
    datetime: times.datetime | None = None


@dataclass
class AccountData(BaseData):
    accountid: str
    balance: float = 0
    frozen: float = 0


@dataclass
class LogData(BaseData):
    msg: str
    level: int = 20


@dataclass
class ContractData(BaseData):
    symbol: str
    exchange: Exchange
    name: str
    product: Product
    size: float
    pricetick: float
    min_volume: float = 1


@dataclass
class OrderRequest:
    symbol: str
    exchange: Exchange
    direction: Direction
    type: OrderType
    volume: float
    price: float = 0
    offset: Offset = Offset.NONE
    reference: str = ""


@dataclass
class CancelRequest:
    orderid: str
    symbol: str
    exchange: Exchange
