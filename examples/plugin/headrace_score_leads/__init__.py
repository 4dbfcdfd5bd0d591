"""An example of a plugin: every event is worth some points, more of them for customers of a list."""

from collections.abc import Mapping
from pathlib import Path

from transforms.interface import (
    Annotated,
    Example,
    LookupSource,
    OpenEvent,
    Result,
    Transform,
    TransformConfig,
    about,
    refused,
)

__all__ = ["ScoreLeads"]


class Config(TransformConfig, frozen=True):
    points: Annotated[dict[str, int], about("How many points an event of a name is worth.")]
    property: Annotated[str, about("Where the points go.", min_length=1)] = "lead_score"
    partners: Annotated[str, about("A file of mail domains, one a line, that count double; none when empty.")] = ""
    api_key: Annotated[str, about("Shown nowhere: here only to show a secret.", secret=True)] = ""

    def __post_init__(self) -> None:
        if any(points < 0 for points in self.points.values()):
            raise ValueError("points must not be negative: leave an event out that is worth nothing")


class ScoreLeads(Transform[Config]):
    """Give events points, so that sales sees who is interested.

    The points of an event stand in a property of the event. Their sum over a person is a query in the warehouse, not
    state of a transformation: events come twice, late and at any worker.
    """

    name = "score_leads"
    Config = Config
    examples = (
        Example(
            says="An event that is worth something",
            config={"points": {"demo booked": 50}},
            before={"event": "demo booked", "properties": {}},
            after={"properties": {"lead_score": 50}},
        ),
        Example(
            says="Any other event stays as it is",
            config={"points": {"demo booked": 50}},
            before={"event": "page viewed", "properties": {}},
            after={"properties": {}},
        ),
    )

    @classmethod
    def sources(cls, config: Config) -> Mapping[str, LookupSource]:
        return {"partners": LookupSource(config.partners, _domains)} if config.partners else {}

    def __call__(self, event: OpenEvent) -> Result:
        points = self.config.points.get(event.event)
        if points is None:
            return event
        email = event.get("email", "")
        if not isinstance(email, str):
            return refused("email must be a text: send it as one, or leave it out")
        if "partners" in self.lookups and email.rpartition("@")[2].lower() in self.lookups["partners"].value:
            points *= 2
        return event.adding({self.config.property: points})


def _domains(path: str) -> frozenset[str]:
    return frozenset(line.strip().lower() for line in Path(path).read_text().splitlines() if line.strip())
