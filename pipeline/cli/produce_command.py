"""`headrace produce`: lines of standard input to events.raw."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.cli.output import EXIT_BAD, EXIT_UNREACHABLE, command, fail, say, show_json

if TYPE_CHECKING:
    from pipeline.settings import Settings

__all__ = ["entry"]

ACKNOWLEDGED_WITHIN_S = 30.0


class _Sending:
    """Sends records and counts what becomes of them; the broker may refuse one and take the next."""

    def __init__(self, settings: "Settings") -> None:
        from pipeline.producer import plain_producer
        from pipeline.topics import topic_ids

        self.sent = 0
        self.failures = 0
        self.reason = ""
        self._topic = settings.topics.named("events.raw")
        if not topic_ids(settings, [self._topic]):
            fail(f"the topic {self._topic} does not exist: create it with headrace topics create", EXIT_BAD)
        self._producer = plain_producer(settings)

    def send(self, content: bytes) -> None:
        from confluent_kafka import KafkaException

        self.sent += 1
        while True:
            try:
                self._producer.produce(self._topic, content, on_delivery=self._report)
            except BufferError:
                self._producer.poll(0.1)
            except KafkaException as problem:  # such as a record larger than any broker takes
                self._report(problem.args[0].str(), None)
                return
            else:
                self._producer.poll(0)
                return

    def finish(self) -> int:
        """How many were not acknowledged in time."""
        return int(self._producer.flush(ACKNOWLEDGED_WITHIN_S))

    def _report(self, error: object, _message: object) -> None:
        if error is not None:
            self.failures += 1
            self.reason = self.reason or f"record {self.sent}: {error}"


@command("""echo '{"token":"demo","event":"signed up","distinct_id":"ada"}' | headrace produce""")
def entry(as_json: bool, config: Path | None) -> None:
    """Send each line of standard input as one record to events.raw, as it is.

    Ends when all of them are acknowledged. What is wrong with a line, accept says: it ends up rejected, not lost. Exit
    code 1 when the broker refused some of them, 3 when it did not answer.
    """
    from pipeline.configuration import connected

    sending = _Sending(connected(config))
    try:
        for line in sys.stdin.buffer:
            if content := line.rstrip(b"\r\n"):
                sending.send(content)
    except KeyboardInterrupt:
        click.echo("waiting for the last acknowledgements", err=True)
    left = sending.finish()
    acknowledged = sending.sent - sending.failures - left
    if as_json:
        show_json({"sent": acknowledged, "refused": sending.failures, "unanswered": left})
    elif not (sending.failures or left):
        say(f"sent {acknowledged}")
    if sending.failures:
        fail(f"{sending.failures} of {sending.sent} records were refused; the first: {sending.reason}", EXIT_BAD)
    if left:
        wait = f"{ACKNOWLEDGED_WITHIN_S:.0f} s"
        fail(f"{left} of {sending.sent} records were not acknowledged within {wait}: send them again", EXIT_UNREACHABLE)
