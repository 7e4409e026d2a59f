"""The four services of the ring, and the command that composes them."""
