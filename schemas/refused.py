"""How a rule of the decoder says no; `decode` turns it into a rejection, so it never gets out."""

from schemas.event import RejectionCode

__all__ = ["Refused"]


class Refused(Exception):
    """This record is rejected. The message names the field, the limit and the remedy; never a secret."""

    def __init__(self, code: RejectionCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
