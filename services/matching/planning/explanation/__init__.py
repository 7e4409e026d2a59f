"""Why a group is left out, as facts that counting verifies, and what would help, found by solving for it."""
