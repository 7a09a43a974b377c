"""The exchange: option venue, ETF venue, and the crowd that trades there.

Two deterministic machines. Members reach them only by the messages of `exchange.messages`; the
crowd acts inside them from seeds in their state (borders.md 5).
"""
