"""Adapters: files, sockets, processes. The only floor below the roof that touches the world."""
