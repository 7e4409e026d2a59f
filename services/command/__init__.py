"""The product's one command: the composition root, the one place that may import every service."""
