"""`headrace produce`: lines of standard input to events.raw."""

import sys
from pathlib import Path

from pipeline.cli.output import EXIT_UNREACHABLE, command, fail, say, show_json

__all__ = ["entry"]


@command("""echo '{"token":"demo","event":"signed up","distinct_id":"ada"}' | headrace produce""")
def entry(as_json: bool, config: Path | None) -> None:
    """Send each line of standard input as one record to events.raw, as it is.

    Ends when all of them are acknowledged. What is wrong with a line, accept says: it ends up rejected, not lost.
    """
    from pipeline.configuration import load
    from pipeline.producer import plain_producer

    settings = load(config)
    producer = plain_producer(settings)
    sent, failures = 0, []

    def report(error: object, _message: object) -> None:
        if error is not None:
            failures.append(str(error))

    for line in sys.stdin.buffer:
        content = line.rstrip(b"\r\n")
        if not content:
            continue
        while True:
            try:
                producer.produce(settings.topics.named("events.raw"), content, on_delivery=report)
                break
            except BufferError:
                producer.poll(0.1)
        sent += 1
    left = producer.flush(30)
    if failures or left:
        reason = failures[0] if failures else "no answer within 30 s"
        fail(f"{len(failures) + left} of {sent} records were not acknowledged: {reason}", EXIT_UNREACHABLE)
    show_json({"sent": sent}) if as_json else say(f"sent {sent}")
