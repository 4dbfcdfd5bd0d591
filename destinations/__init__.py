"""Nouns that events are delivered to; one file each."""
