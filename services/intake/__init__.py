"""Intake: submissions become facts, or refusals with reasons."""
