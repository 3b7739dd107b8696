"""The profile that a run was executed with, in words: as the worker stored it, whatever the settings are by now."""

from collections.abc import Sequence
from datetime import timedelta

from app.config import ConfigFrom, ProfileSettings
from app.services.reproducing import stored_profile

_BEGINS = {
    ConfigFrom.TINYCONFIG: "tinyconfig",
    ConfigFrom.DEFCONFIG: "defconfig",
    ConfigFrom.NOTHING: "the tree's defaults",
}
_PATCHES = {"off": "not on their own", "build": "each built on its own", "test": "each built and tested on its own"}


def profile_words(stored: object) -> list[tuple[str, str]]:
    """Return what the profile says, each with its name; nothing for what is no profile (a run of an older version)."""
    profile = stored_profile(stored)
    if profile is None:
        return []
    times = (profile.boot_timeout, profile.silence_timeout, profile.test_timeout, profile.build_timeout)
    return [
        ("extends", profile.extends or "nothing"),
        ("tests", _tests(profile)),
        ("kernel", f"{_BEGINS[profile.config_from]} with {_listed([_short(one) for one in profile.config])}"),
        ("patches", _PATCHES[profile.patches] + (f", warnings of W={profile.warnings}" if profile.warnings else "")),
        ("machine", f"{profile.cpus} CPUs, {profile.memory_mb} MiB"),
        ("limits", "{} to boot, {} of silence, {} for all tests, {} a build".format(*map(_time, times))),
        ("baseline", f"made again after {_time(profile.baseline_age)}"),
    ]


def _tests(profile: ProfileSettings) -> str:
    if profile.everything:
        return f"all of {_listed(profile.suites)}, first what the series touches"
    others = [suite for suite in profile.suites if suite.flavour != ""]
    where = f"; {_listed(others)} where their code is touched" if others else ""
    return f"what the series touches and {len(profile.core)} of the core{where}"


def _short(fragment: str) -> str:
    return fragment.removeprefix("tools/testing/selftests/")


def _listed(words: Sequence[str]) -> str:
    shown = [str(word) for word in words]
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else "".join(shown)


def _time(limit: timedelta) -> str:
    seconds = int(limit.total_seconds())
    for unit, size in (("day", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size and seconds % size == 0:
            count = seconds // size
            return f"{count} {unit}{'s' if unit == 'day' and count > 1 else ''}"
    return f"{seconds} s"
