"""Elementary functions with our own coefficients, the same bits on every x86-64-v3 CPU."""
