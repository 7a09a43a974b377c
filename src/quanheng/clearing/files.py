"""The clearing house's closing file as bytes."""

from quanheng.clearing import messages as msg
from quanheng.kernels.pack import unpack
from quanheng.terms.contract import Chain
from quanheng.wire import records


def clpr03(chain: Chain, prices: msg.SettlementPrices) -> bytes:
    """clpr03MMDD.txt of the day: close, settlement and open interest after netting, by slot
    (interfaces.md 3.5).
    """
    rows: list[tuple[int | str, ...]] = [
        (
            "R0302",
            chain.contracts[row[msg.PRICE_SLOT]].code,
            row[msg.CLOSE_PRICE],
            row[msg.SETTLE_PRICE],
            row[msg.NETTED_INTEREST],
        )
        for row in unpack(prices.rows, msg.PRICE_COLUMNS).tolist()
    ]
    return records.write(records.layout("clpr03"), rows)
