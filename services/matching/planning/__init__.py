"""The planning core: pure functions from a problem to a timetable, and a checker that trusts neither."""
