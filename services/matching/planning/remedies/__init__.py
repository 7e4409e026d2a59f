"""What would help: asks that a person can make of someone, found by solving for them, each with its proof."""

from services.matching.planning.remedies.finding import AskedSet, best_set, find_remedies

__all__ = ["AskedSet", "best_set", "find_remedies"]
