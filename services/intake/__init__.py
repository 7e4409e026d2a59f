"""Submissions become facts, or refusals with reasons."""
