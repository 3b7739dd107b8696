"""What was expected of a harm against what was said of it: every difference as a sentence."""

import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Any

from tests.harms.running import Judged
from tests.harms.series import LENGTH, Expected


def surprises(expected: Expected, runs: Sequence[Judged]) -> list[str]:
    """Return what is not as it has to be, a sentence each; of several runs, what is wrong in any of them."""
    found = []
    for number, judged in enumerate(runs, start=1):
        before = f"run {number}: " if len(runs) > 1 else ""
        found += [before + one for one in (*_verdict(expected, judged), *_blame(expected, judged))]
    found += _classes(expected, runs)
    return [*found, *_mail(expected, runs[-1])]


def _verdict(expected: Expected, judged: Judged) -> Iterator[str]:
    if judged.verdict["verdict"] != expected.verdict:
        yield f"the verdict is {judged.verdict['verdict']}, not {expected.verdict}: {judged.verdict['sentence']}"


def _blame(expected: Expected, judged: Judged) -> Iterator[str]:
    blamed = {one["name"]: one for one in judged.verdict["blamed"]}
    yield from (f"{test} is not blamed" for test in sorted(expected.blamed.keys() - blamed.keys()))
    for test in sorted(blamed.keys() - expected.blamed.keys()):
        if not any(fnmatchcase(test, glob) for glob in expected.may_blame):
            yield f"{test} is blamed ({blamed[test]['class']}: {blamed[test]['reason']})"
    for test, position in expected.blamed.items():
        named = first_bad(judged, test)
        if test in blamed and named != position:
            yield f"{test} is blamed on patch {named}, not on patch {position}"


def first_bad(judged: Judged, test: str) -> int | None:
    """Return the position of the patch that the API names as the first bad one for a test; None if it is not sure."""
    for one in findings(judged):
        if one["kind"] == "first bad patch" and test in one["tests"] and one["earliest"] == one["position"]:
            return int(one["position"])
    return None


def findings(judged: Judged) -> list[dict[str, Any]]:
    """Return what trying each patch on its own has shown, as the API has it."""
    return (judged.verdict.get("patches") or {}).get("findings", [])


def shown(expected: Expected, runs: Sequence[Judged]) -> bool:
    """Tell whether each class that is expected was seen in one of the runs."""
    return not [*_classes(expected, runs)]


def _classes(expected: Expected, runs: Sequence[Judged]) -> Iterator[str]:
    """A class has to be seen in one of the runs at least: what happens at random need not happen in each."""
    for test, cls in expected.classes.items():
        seen = [judged.classes.get(test, "unchanged") for judged in runs]
        if cls not in seen:
            yield f"{test} is {', '.join(dict.fromkeys(seen))}, not {cls}"


def _mail(expected: Expected, judged: Judged) -> Iterator[str]:
    if not judged.mails:
        yield "there was no mail"
        return
    said = " ".join(judged.mails[-1].split())
    whole = f"{judged.verdict['sentence']} {said}"
    for position in sorted({*expected.patches, *expected.blamed.values()}):
        if not re.search(rf"\b[Pp]atch (?:is )?{position}\b|\b{position}/{LENGTH}\b", said):
            yield f"the mail does not name patch {position}"
    yield from (f"neither sentence nor mail says {one!r}" for one in expected.said if not re.search(one, whole))
    for one in expected.not_said:
        match = re.search(one, whole)
        if match:
            yield f"sentence or mail says {match[0]!r}"
