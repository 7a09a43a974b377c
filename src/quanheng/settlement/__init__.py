"""Day end of the firm: reconciliation with clearing and the opening state of the next day."""
