"""Quoting strategies: numbers in, bid, ask and sizes out (I-17, I-19)."""
