"""The exchange's product: register of makers, decisions, publication; none of the firm's (S-05)."""
