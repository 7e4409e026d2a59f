"""The door: pages, HTTP API, review of timetables, read models."""
