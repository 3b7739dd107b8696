"""What is to be built of a commit's selftests, and what the base has left for it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from app.domain.fitness import Facts
from app.domain.plan import Selection, narrow
from app.domain.selftests_index import TreeIndex
from workers.adapters import selftests, workshop


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """What is to be built of one commit's selftests: `paths` are all files below their folder."""

    selection: Selection
    index: TreeIndex
    paths: tuple[str, ...]

    def but(self, tests: Iterable[str]) -> "Planned":
        """Return the plan without some tests."""
        left = frozenset(self.selection.spelled) - frozenset(tests)
        return replace(self, selection=narrow(self.selection, left, self.index))

    def untouched(self, broken: dict[str, str], changed: Sequence[str]) -> dict[str, str]:
        """Return the wanted tests of `broken` (test -> reason) that no path of `changed` could have repaired."""
        return {
            test: reason
            for test, reason in broken.items()
            if test in self.selection.spelled and not self._sources(test) & frozenset(changed)
        }

    def _sources(self, test: str) -> frozenset[str]:
        """The paths in the tree of a test's file and of the programs that it needs."""
        name = self.index.file_of(test)
        if name is None:
            return frozenset()
        programs = (f"{selftests.FOLDER}/progs/{program}.c" for program in self.index.files[name].programs)
        return frozenset((f"{selftests.FOLDER}/prog_tests/{name}", *programs))

    @property
    def kept(self) -> frozenset[str]:
        """The files that the scratch copy holds."""
        return selftests.kept(self.paths, self.selection)


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseBuilt:
    """What the unpatched base left: objects, and the selftests of one selection with what could not be built of it."""

    objects: Path
    output: Path
    scratch: Path
    kept: frozenset[str]
    not_built: dict[str, str]
    facts: Facts

    def unfit(self, planned: Planned) -> dict[str, str]:
        """Return the planned tests that cannot work with this host's tools and the base's kernel, with the reason."""
        return planned.index.unfit(planned.selection.names, self.facts)

    @property
    def folders(self) -> dict[str, Path]:
        """Target in the sandbox -> folder."""
        return {workshop.OBJECTS: self.objects, workshop.SELFTESTS: self.output, workshop.SCRATCH: self.scratch}
