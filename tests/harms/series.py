"""What a seeded series is made of: edits, patches, and what is known beforehand of how it has to be judged."""

from dataclasses import dataclass, field

SELFTESTS = "tools/testing/selftests/bpf"
LENGTH = 8
"""Patches in each series."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """Replaces the one place of `path` that reads `before` by `after`.

    An empty `before` makes a new file of `after`; `after` None deletes the file.
    """

    path: str
    before: str = ""
    after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """One commit: subject (without brackets), message, edits."""

    subject: str
    message: str
    edits: tuple[Edit, ...]

    @property
    def paths(self) -> frozenset[str]:
        """The files that it touches."""
        return frozenset(edit.path for edit in self.edits)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What has to be said of a series, and what must not.

    Attributes:
        verdict: the one verdict that is right.
        blamed: tests that have to be blamed, each with the position of the patch that has to be named with it.
        may_blame: globs of further tests that may be: they fail for the same reason.
        patches: positions that the mail has to name beside those: of a patch that does not build or boot, that adds a
            warning, that breaks what a later one mends.
        said: regular expressions that sentence or mail have to match, whatever the line breaks.
        not_said: regular expressions that the mail must not match.
        classes: test -> class of its change, for what is not blamed and has to be known.
    """

    verdict: str
    blamed: dict[str, int] = field(default_factory=dict)
    may_blame: tuple[str, ...] = ()
    patches: tuple[int, ...] = ()
    said: tuple[str, ...] = ()
    not_said: tuple[str, ...] = ()
    classes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Harm:
    """A series of eight with harm at known positions; all other positions are filled with innocent patches.

    `first` are patches that the series says it needs: they are posted before it, as a series of their own, and so are
    in its baseline as well. `config` names fragments of kernel configuration that it has to be tested with besides the
    profile's own; `patches` says what has to be done with each patch on its own, as in a profile. `runs` is how often
    it is run at least, for what happens at random.
    """

    name: str
    title: str
    story: str
    author: str
    harmful: dict[int, Patch]
    expected: Expected
    first: tuple[Patch, ...] = ()
    config: tuple[str, ...] = ()
    patches: str = "build"
    runs: int = 1
