"""The firm's own look at the market maker: own books, own model, own limits, own cases (ch. 6)."""
