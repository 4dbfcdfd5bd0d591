"""Errors named by what the caller must do about them.

    Exception
    ├── ConfigError   refuse to start; the message names the place and the remedy
    └── Retry         the same batch later; nothing was lost, nothing moved

`Rejected` and `Dropped` are values, not errors. Any other exception is a bug and stops the worker without
committing.
"""

__all__ = ["ConfigError", "Retry"]


class ConfigError(Exception):
    """The configuration cannot work. `where` is a file and line, or an environment variable's name."""

    def __init__(self, message: str, where: str = "") -> None:
        super().__init__(f"{where}: {message}" if where else message)
        self.message = message
        self.where = where


class Retry(Exception):
    """Something outside did not answer as it should. Do the same again, `after_s` seconds from now or later."""

    def __init__(self, reason: str, after_s: float = 0.5) -> None:
        super().__init__(reason)
        self.reason = reason
        self.after_s = after_s
