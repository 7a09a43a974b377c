"""What the register of makers refuses."""


class RegistryError(Exception):
    """An act that does not follow, or a journal that cannot be; the message names it and why."""
