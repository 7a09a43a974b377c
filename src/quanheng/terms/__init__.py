"""The words of the house: units, days, contracts, market data, orders, commands, codes.

Ground floor. Nothing here computes prices or touches the world; every room above speaks these
types.
"""
