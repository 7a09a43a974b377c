"""The market maker: from market data to quotes that passed the ladder (house.md 5)."""
