"""The roof: the only place that knows concrete classes, draws wires and owns run folders."""
