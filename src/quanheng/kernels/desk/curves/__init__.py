"""Volatility curves: one row of numbers per expiry, several models, one way to evaluate them."""
