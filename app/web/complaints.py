"""What a kernel complained of and the machines of a run, as stored with it (JSON of our own workers, old ones too)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.domain.console import during

MOST = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelEvent:
    """Something that the kernel complained of on its console.

    `during` says which test ran, as far as that is known, "" where it is not. `life` is the machine's number, 0 where
    the run took one.
    """

    kind: str
    title: str
    excerpt: str
    count: int
    during: str
    life: int

    @property
    def words(self) -> str:
        """What is said beside the kind."""
        return self.title.removeprefix(f"{self.kind}: ").removeprefix(f"{self.kind} ")


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineLife:
    """One machine of a run that took several, or in which something was cut short.

    `killers` are tests that ended it, or their suite, each with why; `cuts` why what was cut short, where nobody is
    known for it. `not_run` are tests that no machine came to.
    """

    number: int
    ending: str
    tests: int
    first: str
    killers: Sequence[tuple[str, str]]
    cuts: Sequence[str]
    not_run: Sequence[str]


def read_events(stored: Mapping[str, Any]) -> list[KernelEvent]:
    """Return what the kernel complained of in a run; `stored` is its evidence."""
    several = len(_dicts(stored.get("lives"))) > 1
    return [_event(one, several=several) for one in _dicts(stored.get("events"))]


def read_lives(stored: Mapping[str, Any]) -> list[MachineLife]:
    """Return the machines of a run, where there is something to tell of them."""
    return [_life(one) for one in _dicts(stored.get("lives"))]


def _event(one: Mapping[str, Any], *, several: bool) -> KernelEvent:
    return KernelEvent(
        kind=_text(one.get("kind")),
        title=_text(one.get("title")),
        excerpt=_text(one.get("excerpt")),
        count=_int(one.get("count")) or 1,
        during=during(_text(one.get("test")), _text(one.get("perhaps"))),
        life=_int(one.get("life")) if several else 0,
    )


def _life(one: Mapping[str, Any]) -> MachineLife:
    killers = [(_text(each.get("name")), _text(each.get("message"))) for each in _dicts(one.get("killers"))]
    return MachineLife(
        number=_int(one.get("life")),
        ending=_text(one.get("ending")),
        tests=_int(one.get("tests")),
        first=_text(one.get("first")),
        killers=killers,
        cuts=[] if killers else _texts(one.get("cuts")),
        not_run=_texts(one.get("not_run")),
    )


def _dicts(value: Any) -> list[Mapping[str, Any]]:  # noqa: ANN401 - JSON
    return [one for one in value[:MOST] if isinstance(one, dict)] if isinstance(value, list) else []


def _texts(value: Any) -> list[str]:  # noqa: ANN401 - JSON
    return [_text(one) for one in value[:2000]] if isinstance(value, list) else []


def _text(value: Any) -> str:  # noqa: ANN401 - JSON
    return "" if value is None else str(value)


def _int(value: Any) -> int:  # noqa: ANN401 - JSON
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
