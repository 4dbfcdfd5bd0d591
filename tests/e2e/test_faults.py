"""Whatever goes wrong while 200,000 events flow, each is in ClickHouse once, and every record is accounted for.

HEADRACE_FAULT_LOOPS   runs, each with its own seed: even ones on a single broker, odd ones on three; default 2
HEADRACE_FAULT_SEED    the first seed; default 0
HEADRACE_FAULT_EVENTS  records a run at least; default 200,000
"""

import os
import signal
import time
from pathlib import Path
from random import Random

import pytest

from pipeline.cli.output import EXIT_UNREACHABLE
from pipeline.hard_stop import EXIT_BUG
from tests.e2e.rig.faults import FAULTS_OF_ONE_NODE, FAULTS_OF_THREE_NODES, fresh_event_passes, schedule
from tests.e2e.rig.rig import Rig
from tests.e2e.rig.verdict import judge

pytestmark = [pytest.mark.e2e, pytest.mark.kafka]
LOOPS = int(os.environ.get("HEADRACE_FAULT_LOOPS", "2"))
FIRST = int(os.environ.get("HEADRACE_FAULT_SEED", "0"))
EVENTS = int(os.environ.get("HEADRACE_FAULT_EVENTS", "200000"))
EXPECTED_ENDINGS = {EXIT_BUG, EXIT_UNREACHABLE, -signal.SIGKILL}


@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("seed", range(FIRST, FIRST + LOOPS))
def test_every_event_is_there_once_whatever_fault_it_met(seed: int, tmp_path: Path) -> None:
    chance = Random(seed)
    nodes = 3 if seed % 2 else 1
    with Rig(tmp_path, seed, nodes, store=chance.choice(["memory", "rocksdb"])) as rig:
        sent = _through_all_faults(rig, chance)

        report = judge(rig, sent)
        assert report["expired"] == 0
        fresh_event_passes(rig, f"after-{seed}")
        assert {ending.code for ending in rig.workers.endings} <= EXPECTED_ENDINGS, rig.workers.endings
        stubborn = rig.workers.stop()
        assert not stubborn, "\n".join(rig.workers.log(ending.worker)[-6_000:] for ending in stubborn)


def _through_all_faults(rig: Rig, chance: Random) -> int:
    """Send while everything goes wrong in turn; how many records were sent."""
    rig.feed.start()
    fresh_event_passes(rig, "before", within_s=120)
    for fault in schedule(FAULTS_OF_THREE_NODES if len(rig.kafka.nodes) == 3 else FAULTS_OF_ONE_NODE, chance):
        print(f"{time.monotonic():.1f} {rig.feed.sent} {fault.__name__}: {fault(rig, chance)}", flush=True)
        time.sleep(chance.uniform(0.5, 4))
    rig.feed.wait_for(EVENTS)
    return rig.feed.pause()
