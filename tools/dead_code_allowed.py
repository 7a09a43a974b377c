"""Names that look unused to the dead-code check but are used by people or by other programs."""
