"""The desk's model: Black-76, implied volatility, forwards by parity, volatility curves."""
