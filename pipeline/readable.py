"""Text from senders, made fit for a terminal. Pure."""

__all__ = ["readable"]


def readable(text: str) -> str:
    """A text as it is, but for what would move the cursor or turn the writing round: that is escaped."""
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)
