"""Types, events and the base of gateways."""
