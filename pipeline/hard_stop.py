"""Ending the process without committing: the log tells the successor everything.

Not an orderly shutdown on purpose. Any step of one could commit, acknowledge or answer for work that is half done; the
broker aborts the open transaction when the successor takes over.
"""

import faulthandler
import logging
import os
import threading

__all__ = ["EXIT_BUG", "end_within", "stop_now"]

logger = logging.getLogger(__name__)
EXIT_BUG = 70
"""The exit code of a worker that stopped itself without committing (EX_SOFTWARE of sysexits.h)."""


def stop_now(hop: str, problem: BaseException) -> None:
    """End the process, saying why."""
    logger.critical(
        "%s stops without committing: %s. It will be started again and do the range once more; if this repeats, "
        "the message above names the cause.",
        hop,
        f"{type(problem).__name__}: {problem}",
        exc_info=problem,
    )
    logging.shutdown()
    os._exit(EXIT_BUG)


def end_within(hop: str, seconds: float) -> None:
    """Whatever an orderly stop waits for, a broker that is away or a commit without an answer, it ends in time."""

    def give_up() -> None:
        logger.critical(
            "%s did not come to rest within %.0f s and stops without committing; what it waited for follows.",
            hop,
            seconds,
        )
        faulthandler.dump_traceback()
        logging.shutdown()
        os._exit(EXIT_BUG)

    watch = threading.Timer(seconds, give_up)
    watch.daemon = True
    watch.start()
