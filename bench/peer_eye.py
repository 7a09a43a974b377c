"""The electronic eye of VeighNa's OptionMaster 1.3, restated in plain Python, to time beside ours.

The package draws in a desktop tool kit, so it is not in the bench environment. What follows says
again, object by object, what its event path does for one underlying tick and for one option tick:
implied volatilities of bid and ask by Newton from 1 %, cash and position Greeks, sums per chain,
then per contract the algo's reference price, spread and comparison with the market. It decodes and
encodes nothing, fits no curve, knows no limits and replaces no quotes.

Two pricers: plain Python (the package's own are SciPy calls, slower still) and compiled ones, our
scalar kernels, in the place of its Cython build.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from quanheng.kernels.desk.black import all_greeks, price_one
from quanheng.kernels.desk.implied import implied_one

ROUNDS = 50
EXACT = 1e-5
STEP = 1e-4


class Pricer(Protocol):
    """What the eye asks of a pricing model: forward, strike, rate, time, vol, sign."""

    def price(self, s: float, k: float, r: float, t: float, v: float, cp: int) -> float: ...

    def greeks(
        self, s: float, k: float, r: float, t: float, v: float, cp: int
    ) -> tuple[float, float, float, float, float]: ...

    def implied(self, p: float, s: float, k: float, r: float, t: float, cp: int) -> float: ...


def _cdf(x: float) -> float:
    return 0.5 * math.erfc(-x * 0.7071067811865476)


def _pdf(x: float) -> float:
    return 0.3989422804014327 * math.exp(-0.5 * x * x)


class PlainPricer:
    """Black-76 with the standard library."""

    def price(self, s: float, k: float, r: float, t: float, v: float, cp: int) -> float:
        if v <= 0:
            return max(0.0, cp * (s - k))
        width = v * math.sqrt(t)
        d1 = math.log(s / k) / width + 0.5 * width
        return math.exp(-r * t) * cp * (s * _cdf(cp * d1) - k * _cdf(cp * (d1 - width)))

    def greeks(
        self, s: float, k: float, r: float, t: float, v: float, cp: int
    ) -> tuple[float, float, float, float, float]:
        root = math.sqrt(t)
        width = v * root
        d1 = math.log(s / k) / width + 0.5 * width
        shrink, density = math.exp(-r * t), _pdf(d1)
        up, down = _cdf(cp * d1), _cdf(cp * (d1 - width))
        theta = -s * shrink * density * v / (2 * root) + cp * r * shrink * (s * up - k * down)
        price = shrink * cp * (s * up - k * down)
        gamma = shrink * density / (s * width)
        return price, cp * shrink * up, gamma, theta, s * shrink * density * root

    def implied(self, p: float, s: float, k: float, r: float, t: float, cp: int) -> float:
        shrink = math.exp(-r * t)
        if p <= 0 or p <= (cp * (s - k) * shrink if cp > 0 else k * shrink - s):
            return 0.0
        v = 0.01
        for _ in range(ROUNDS):
            width = v * math.sqrt(t)
            vega = s * shrink * _pdf(math.log(s / k) / width + 0.5 * width) * math.sqrt(t)
            if not vega:
                break
            miss = (p - self.price(s, k, r, t, v, cp)) / vega
            if abs(miss) < EXACT:
                break
            v += miss
            if v <= 0:
                return 0.0
        return round(v, 4)


class CompiledPricer:
    """The same answers from compiled scalar functions."""

    def price(self, s: float, k: float, r: float, t: float, v: float, cp: int) -> float:
        return float(price_one(float(cp), s, k, v, t, math.exp(-r * t)))

    def greeks(
        self, s: float, k: float, r: float, t: float, v: float, cp: int
    ) -> tuple[float, float, float, float, float]:
        price, delta, gamma, vega, theta, *_ = all_greeks(float(cp), s, k, v, t, math.exp(-r * t))
        return price, delta, gamma, theta, vega

    def implied(self, p: float, s: float, k: float, r: float, t: float, cp: int) -> float:
        vol = implied_one(float(cp), p, s, k, t, math.exp(-r * t))
        return round(float(vol), 4) if vol > 0.0 else 0.0


@dataclass
class Tick:
    """First level of a market, yuan."""

    bid: float
    ask: float
    last: float
    bid_qty: int = 30
    ask_qty: int = 30


class Option:
    """One contract with its vols, Greeks and position."""

    def __init__(
        self, strike: float, cp: int, tau: float, vol: float, unit: int, pricer: Pricer
    ) -> None:
        self.strike, self.cp, self.tau, self.unit = strike, cp, tau, unit
        self.pricer = pricer
        self.underlying: Underlying
        self.rate = 0.0
        self.shift = 0.0
        self.tick: Tick | None = None
        self.mid = 0.0
        self.bid_vol = self.ask_vol = self.mid_vol = 0.0
        self.pricing_vol = vol
        self.delta = self.gamma = self.theta = self.vega = 0.0
        self.net = 0
        self.value = self.net_delta = self.net_gamma = self.net_theta = self.net_vega = 0.0

    def imply(self) -> None:
        tick, forward = self.tick, self.underlying.mid + self.shift
        if tick is None or not forward:
            return
        given = (forward, self.strike, self.rate, self.tau, self.cp)
        self.ask_vol = self.pricer.implied(tick.ask, *given)
        self.bid_vol = self.pricer.implied(tick.bid, *given)
        self.mid_vol = (self.ask_vol + self.bid_vol) / 2

    def cash_greeks(self) -> None:
        if not self.mid_vol:
            return
        forward = self.underlying.mid + self.shift
        _, delta, gamma, theta, vega = self.pricer.greeks(
            forward, self.strike, self.rate, self.tau, self.mid_vol, self.cp
        )
        self.delta, self.gamma = delta * self.unit, gamma * self.unit
        self.theta, self.vega = theta * self.unit, vega * self.unit

    def held_greeks(self) -> None:
        if self.tick is not None:
            self.value = self.tick.last * self.unit * self.net
        self.net_delta, self.net_gamma = self.delta * self.net, self.gamma * self.net
        self.net_theta, self.net_vega = self.theta * self.net, self.vega * self.net

    def on_tick(self, tick: Tick) -> None:
        self.tick = tick
        self.mid = (tick.bid + tick.ask) / 2
        self.imply()

    def on_underlying(self, shift: float) -> None:
        self.shift = shift
        self.imply()
        self.cash_greeks()
        self.held_greeks()

    def reference(self) -> float:
        forward = self.underlying.mid + self.shift
        return self.pricer.price(
            forward, self.strike, self.rate, self.tau, self.pricing_vol, self.cp
        )


class Underlying:
    """The underlying and the chains that follow it."""

    def __init__(self) -> None:
        self.mid = 0.0
        self.chains: list[Chain] = []

    def on_tick(self, mid: float) -> None:
        self.mid = mid
        for chain in self.chains:
            chain.on_underlying()


class Chain:
    """One expiry: its options, their sums, the pair at the money that moves the forward."""

    def __init__(self, underlying: Underlying, options: list[Option]) -> None:
        self.underlying, self.options = underlying, options
        self.calls = {one.strike: one for one in options if one.cp > 0}
        self.puts = {one.strike: one for one in options if one.cp < 0}
        self.at_money = min(self.calls, key=lambda strike: abs(strike - underlying.mid))
        self.shift = 0.0
        self.sums = [0.0] * 5
        for one in options:
            one.underlying = underlying
        underlying.chains.append(self)

    def on_underlying(self) -> None:
        call, put = self.calls[self.at_money], self.puts[self.at_money]
        self.shift = call.mid - put.mid + self.at_money - self.underlying.mid
        for one in self.options:
            one.on_underlying(self.shift)
        sums = [0.0] * 5
        for one in self.options:
            if one.net:
                parts = (one.value, one.net_delta, one.net_gamma, one.net_theta, one.net_vega)
                sums = [total + part for total, part in zip(sums, parts, strict=True)]
        self.sums = sums


def _on_step(price: float) -> float:
    return round(price / STEP) * STEP


class Eye:
    """The algo of one contract: its prices, and whether the market stands beyond them."""

    def __init__(self, option: Option, told: Callable[["Eye"], None]) -> None:
        self.option, self.told = option, told
        self.price_spread, self.vol_spread = 0.002, 0.003
        self.target, self.most = 0, 300
        self.bid = self.ask = self.spread = 0.0
        self.orders: list[tuple[int, float, int]] = []

    def on_underlying(self) -> None:
        self.price()
        self.trade()

    def price(self) -> None:
        option = self.option
        middle = option.reference()
        spread = max(self.price_spread, self.vol_spread * option.vega / option.unit)
        self.bid, self.ask = _on_step(middle - spread / 2), _on_step(middle + spread / 2)
        self.spread = _on_step(spread)
        self.told(self)

    def trade(self) -> None:
        option, tick = self.option, self.option.tick
        if tick is None:
            return
        left = self.target + self.most - option.net
        if left > 0 and tick.ask <= self.bid:
            self.orders.append((1, self.bid, min(left, tick.ask_qty, 20)))
        left = option.net - (self.target - self.most)
        if left > 0 and tick.bid >= self.ask:
            self.orders.append((-1, self.ask, min(left, tick.bid_qty, 20)))


class ElectronicEye:
    """Every algo over a portfolio: what the event engine calls per tick."""

    def __init__(self, underlying: Underlying) -> None:
        self.underlying = underlying
        self.events: list[Eye] = []
        self.eyes = {
            id(one): Eye(one, self.events.append)
            for chain in underlying.chains
            for one in chain.options
        }

    def on_underlying(self, mid: float) -> None:
        self.underlying.on_tick(mid)
        self.events.clear()
        for eye in self.eyes.values():
            eye.on_underlying()

    def on_option(self, option: Option, tick: Tick) -> None:
        option.on_tick(tick)
        self.eyes[id(option)].trade()
