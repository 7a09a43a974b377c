"""What the people store refuses with."""


class StoreError(Exception):
    """A store, key or file that cannot be used; the message names it and the reason."""


class NotAllowedError(Exception):
    """A request that a rule refuses; the message names the person, the thing and the rule."""
