"""The path of an event and everything that runs it."""
