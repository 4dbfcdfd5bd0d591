"""One event through its steps, looked at after every one of them: so that it is known which one went wrong."""

import msgspec

from pipeline.steps import Chain, Tally, TransformRules, answer, ended, failure, is_skipped
from schemas.closed_event import closed
from schemas.event import Event, Verdict
from schemas.open_event import OpenEvent

__all__ = ["one_by_one"]


def one_by_one(original: Event, chain: Chain, rules: TransformRules, tallies: dict[str, Tally]) -> Verdict:
    """The same as many events in turn, for one whose end breaks a rule: only the steps that cause that have failed."""
    current, whole = OpenEvent(original), original
    applied: list[str] = []
    failed: list[str] = []
    anew = False
    for step in chain.steps:
        if step.applies(original.project, current.event) is False:
            continue
        tally = tallies.setdefault(step.name, Tally())
        anew = anew or step.private
        try:
            result = answer(step, current, rules)
            if type(result) is not OpenEvent:
                return ended(step, tally, result, original.project)
            whole = closed(result, rules.limits, anew=anew)
        except KeyboardInterrupt:
            raise
        except BaseException as problem:  # noqa: BLE001 - a bug in it, or a panic, costs one event, never the batch
            tally.failed += 1
            if not is_skipped(step, problem):
                return failure(step, problem, original.project)
            failed.append(step.label)
            continue
        if result is not current:
            applied.append(step.label)
        current = result
    return msgspec.structs.replace(whole, applied=" ".join(applied), failed=" ".join(failed))
