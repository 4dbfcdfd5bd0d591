"""Which steps are ahead of an event, asked once for all events of one project and name; and what every step did."""

from collections.abc import Sequence

from pipeline.steps import Chain, Overgrown, Tally, TransformRules, chain_of

__all__ = ["Plan", "Ways"]

Plan = tuple[tuple[int, bool], ...]
"""The numbers of the steps that apply, or may: whether they do then depends on the event."""


class Ways:
    """The steps of each project, for as long as a batch takes."""

    def __init__(self, rules: TransformRules, count: int) -> None:
        """`count` are the events of the batch: one alone may grow as far as its limits."""
        self.rules = rules
        self._room = rules.growth_max if count > 1 else None
        self.tallies: dict[str, Tally] = {}
        """By the names of those steps that were asked."""
        self._chains: dict[int, Chain] = {}
        self._plans: dict[tuple[int, str], tuple[Chain, Plan]] = {}

    def tally(self, step: str) -> Tally:
        """What a step did, to count on."""
        return self.tallies.get(step) or self.tallies.setdefault(step, Tally())

    def grown(self, size: int) -> None:
        """Events have become larger by so many bytes. Raises Overgrown."""
        if self._room is not None:
            self._room -= size
            if self._room < 0:
                raise Overgrown

    def chain(self, project: int) -> Chain:
        """All steps of a project."""
        found = self._chains.get(project)
        if found is None:
            steps = self.rules.steps.get(project)
            found = self._chains[project] = chain_of(self.rules.steps.get(0, ()) if steps is None else steps)
        return found

    def ahead(self, project: int, event: str) -> tuple[Chain, Plan]:
        """The steps of a project, and which of them are to be asked about events of this name."""
        found = self._plans.get((project, event))
        if found is None:
            chain = self.chain(project)
            answers = [(number, step.applies(project, event)) for number, step in enumerate(chain.steps)]
            plan = tuple((number, applies is None) for number, applies in answers if applies is not False)
            found = self._plans[project, event] = chain, plan
        return found

    def together(self, projects: Sequence[int], names: Sequence[str]) -> dict[tuple[Chain, Plan], list[int]]:
        """Events by what is ahead of them."""
        if projects.count(projects[0]) == len(projects) and not self.chain(projects[0]).filtered:
            return {self.ahead(projects[0], ""): list(range(len(names)))}
        found: dict[tuple[Chain, Plan], list[int]] = {}
        named: dict[tuple[int, str], list[int]] = {}
        for index, name in enumerate(zip(projects, names, strict=True)):
            group = named.get(name)
            if group is None:
                group = named[name] = found.setdefault(self.ahead(*name), [])
            group.append(index)
        return found
