"""Verbs that change, keep or drop one event; one file each, pure."""
