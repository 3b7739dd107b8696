"""What a run stored as evidence (JSON of our own workers, old ones included), read without trusting its shape."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.domain.patches import FindingKind
from app.domain.prerequisite import AppliedFirst, applied_first
from app.web.complaints import KernelEvent, MachineLife, read_events, read_lives

MOST = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A patch that git refused: which one, git's own words, the rejected hunk or ""."""

    position: int | None
    title: str
    said: str
    hunk: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildError:
    """One complaint of a compiler, and the patch that owns it, if one does."""

    place: str
    message: str
    excerpt: str
    position: int | None
    title: str
    grounds: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A test with what is said of it."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Since:
    """The revision before, by its label, and the tests blamed on that one only, on this one only, on both.

    `unknown` were blamed on that one, and what became of them is not known; `caveats` say what else may be the cause.
    """

    label: str
    fixed: Sequence[str]
    broken: Sequence[str]
    still_broken: Sequence[str]
    unknown: Sequence[str]
    caveats: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What stopped a run, what its kernel complained of, what could not be built, where it ran.

    `reasons` are those of the judge that are about no test, each with an excerpt, where nothing else here shows it.
    `first` is what was applied before the series' own patches; `first_verdict` what the first tests said ("":
    nothing), `first_verdict_s` seconds after its start.
    """

    first: Sequence[AppliedFirst]
    refusal: Refusal | None
    reasons: Sequence[Named]
    since: Since | None
    errors: Sequence[BuildError]
    events: Sequence[KernelEvent]
    lives: Sequence[MachineLife]
    not_built: Sequence[Named]
    accelerator: str
    first_verdict: str
    first_verdict_s: float | None


def read_evidence(stored: Mapping[str, Any]) -> Evidence:
    """Return the evidence of a run as pages show it."""
    apply = _dict(stored.get("apply"))
    refusal = None
    if apply:
        refusal = Refusal(
            position=_int(apply.get("position")),
            title=_text(apply.get("title")),
            said=_text(apply.get("git_said")),
            hunk=_text(apply.get("hunk")),
        )
    errors = [_error(one) for one in _dicts(_dict(stored.get("build")).get("errors"))]
    events = read_events(stored)
    shown = tuple(event.title for event in events if event.title) if not (refusal or errors) else None
    return Evidence(
        first=applied_first((), _dicts(stored.get("first"))),
        refusal=refusal,
        reasons=[]
        if shown is None
        else [one for one in _reasons(stored.get("reasons")) if not any(title in one.name for title in shown)],
        since=_since(stored),
        errors=errors,
        events=events,
        lives=read_lives(stored),
        not_built=named(stored.get("not_built")),
        accelerator=_text(stored.get("accelerator")),
        first_verdict=said_first(stored),
        first_verdict_s=_number(_dict(stored.get("first_verdict")).get("seconds")),
    )


def said_first(stored: Mapping[str, Any]) -> str:
    """Return what the tests that come first said, while the others ran or run; "" where there is nothing."""
    return _text(_dict(stored.get("first_verdict")).get("sentence"))


def read_histories(stored: Mapping[str, Any]) -> dict[tuple[str, str, int], str]:
    """Return what tests (suite, name, ordinal) did on unpatched trees before, in words, as the judge knew it."""
    found = {}
    for one in _dicts(stored.get("weighed"), most=5000):
        key, history = _dict(one.get("key")), _dict(one.get("history"))
        if words := _text(history.get("words")):
            found[_text(key.get("suite")), _text(key.get("name")), _int(key.get("ordinal")) or 0] = words
    return found


def named(stored: Any) -> list[Named]:  # noqa: ANN401 - JSON
    """Return tests with their reasons: of a selection, or of what was not built."""
    return [Named(name=_text(one.get("test")), reason=_text(one.get("reason"))) for one in _dicts(stored, most=2000)]


def stopped_at(stored: Mapping[str, Any]) -> int | None:
    """Return the position of the patch that did not apply, whose line did not compile, or that does not build alone."""
    if apply := _dict(stored.get("apply")):
        return _int(apply.get("position"))
    errors = _dicts(_dict(stored.get("build")).get("errors"))
    alone = (one.get("position") for one in _dicts(stored.get("patches")) if one.get("kind") == FindingKind.BUILD)
    places = (*(one.get("patch") for one in errors), *alone)
    return next((position for one in places if (position := _int(one)) is not None), None)


def _error(one: Mapping[str, Any]) -> BuildError:
    parts = (one.get("file"), one.get("line"))
    return BuildError(
        place=":".join(_text(part) for part in parts if part is not None),
        message=_text(one.get("message")),
        excerpt=_text(one.get("excerpt")),
        position=_int(one.get("patch")),
        title=_text(one.get("patch_title")),
        grounds=_text(one.get("grounds")),
    )


def _reasons(stored: Any) -> list[Named]:  # noqa: ANN401 - JSON
    untested = [one for one in _dicts(stored) if not one.get("key") and one.get("excerpt")]
    return [Named(name=_text(one.get("text")), reason=_text(one.get("excerpt"))) for one in untested]


def _since(stored: Mapping[str, Any]) -> Since | None:
    since = _dict(stored.get("since"))
    lists = {
        key: [_text(one.get("name")) for one in _dicts(since.get(key))]
        for key in ("fixed", "broken", "still_broken", "unknown")
    }
    if not any(lists.values()):
        return None
    told = since.get("caveats")
    caveats = [_text(one) for one in told[:MOST]] if isinstance(told, list) else []
    return Since(label=_text(stored.get("previous")), **lists, caveats=caveats)


def _dict(value: Any) -> Mapping[str, Any]:  # noqa: ANN401 - JSON
    return value if isinstance(value, dict) else {}


def _dicts(value: Any, *, most: int = MOST) -> list[Mapping[str, Any]]:  # noqa: ANN401 - JSON
    return [one for one in value[:most] if isinstance(one, dict)] if isinstance(value, list) else []


def _text(value: Any) -> str:  # noqa: ANN401 - JSON
    return "" if value is None else str(value)


def _number(value: Any) -> float | None:  # noqa: ANN401 - JSON
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _int(value: Any) -> int | None:  # noqa: ANN401 - JSON
    return value if isinstance(value, int) and not isinstance(value, bool) else None
