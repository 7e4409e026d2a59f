"""Decisions become invitations, encounters and attendance."""
