"""The search: from a problem's arrays to the best plan that the budget allows."""
