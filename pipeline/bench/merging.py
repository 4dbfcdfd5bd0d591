"""How soon a merge shows in new events: logins amid a steady load, and the events of each device after its login."""

import time
import uuid
from collections.abc import Iterable
from typing import Any

from destinations.clickhouse.connect import new_client
from pipeline.bench.freshness import Load, percentile
from pipeline.bench.generator import Record
from pipeline.bench.result import Merging
from pipeline.settings import Settings
from schemas.identifiers import person_id
from schemas.outcomes import Retry

__all__ = ["run_merging"]

ONE_EVERY_S = 1.0
WATCHED_S = 5.0
"""So long after its login a device goes on sending."""
EVENT_EVERY_S = 0.05
"""So exact is the answer."""
QUERYABLE_WITHIN_S = 60.0
_EVENT = "bench_merge"


def run_merging(settings: Settings, load_per_s: int, logins: int) -> Merging:
    """Log in on new devices, one a second, under a load of so many events a second. All workers must be running.

    The answer is the time from a login to the device's first event that was stamped with the user's person. Raises
    Retry when no event of a device was.
    """
    load = Load(settings, load_per_s)
    load.start()
    devices = _Devices(load, logins)
    try:
        devices.play()
    finally:
        load.end()
    waits_ms = sorted(devices.waits_ms(_stamped(settings, devices.sent)))
    return Merging(
        load_per_s=round(load.rate()),
        merges=logins,
        p50=percentile(waits_ms, 50),
        longest=percentile(waits_ms, 100),
        watched_every_ms=EVENT_EVERY_S * 1000,
    )


class _Devices:
    """Devices of nobody, each of which somebody logs in on."""

    def __init__(self, load: Load, logins: int) -> None:
        self.sent: dict[str, tuple[int, float]] = {}
        """By uuid: the number of the device, and when."""
        self._load = load
        self._logins = logins
        self._run = uuid.uuid4().hex[:12]
        self._logged_in_s: list[float] = []

    def play(self) -> None:
        """Send it all, at its time."""
        began_s = time.monotonic()
        while (passed_s := time.monotonic() - began_s) < self._logins * ONE_EVERY_S + WATCHED_S:
            if len(self._logged_in_s) < min(self._logins, passed_s / ONE_EVERY_S):
                self._log_in(len(self._logged_in_s))
            for number, since_s in enumerate(self._logged_in_s):
                if time.monotonic() - since_s < WATCHED_S:
                    self._go_on(number)
            time.sleep(EVENT_EVERY_S)

    def waits_ms(self, stamped: dict[str, str]) -> Iterable[float]:
        """How long each login took to show; `stamped` are the persons of the events, by uuid."""
        for number, since_s in enumerate(self._logged_in_s):
            user = str(uuid.UUID(bytes=person_id(1, self._user(number))))
            merged = [at for name, (device, at) in self.sent.items() if device == number and stamped.get(name) == user]
            if not merged:
                raise Retry(
                    f"no event of a device shows its login after {WATCHED_S:.0f} s: do identify and people run?"
                )
            yield (min(merged) - since_s) * 1000

    def _user(self, number: int) -> str:
        return f"merged-{self._run}-{number}"

    def _log_in(self, number: int) -> None:
        self._send("$identify", self._user(number), f'"$anon_distinct_id":"device-{self._run}-{number}"')
        self._logged_in_s.append(time.monotonic())

    def _go_on(self, number: int) -> None:
        name = self._send(_EVENT, f"device-{self._run}-{number}", "")
        self.sent[name] = (number, time.monotonic())

    def _send(self, event: str, distinct_id: str, properties: str) -> str:
        name = str(uuid.uuid4())
        value = (
            f'{{"token":"demo","event":"{event}","distinct_id":"{distinct_id}","uuid":"{name}",'
            f'"properties":{{{properties}}}}}'
        )
        self._load.send(Record(distinct_id.encode(), value.encode()))
        return name


def _stamped(settings: Settings, sent: dict[str, tuple[int, float]]) -> dict[str, str]:
    """The person that each of these events carries, once all of them can be queried."""
    client: Any = new_client(settings.clickhouse)
    deadline = time.monotonic() + QUERYABLE_WITHIN_S
    query = f"SELECT toString(uuid), toString(person_id) FROM events WHERE project = 1 AND event = '{_EVENT}'"
    try:
        while True:
            found = {str(name): str(person) for name, person in client.query(query).result_rows}
            if sent.keys() <= found.keys():
                return found
            if time.monotonic() > deadline:
                missing = len(sent.keys() - found.keys())
                raise Retry(f"{missing} events are not queryable after {QUERYABLE_WITHIN_S:.0f} s: does deliver run?")
            time.sleep(0.3)
    finally:
        client.close()
