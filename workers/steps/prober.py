"""Single patches booted: a series up to each of its patches, built where it has to be."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from app.config import ProfileSettings
from app.domain.patches import Finding, FindingKind
from app.errors import BuildFailedError, InfrastructureError
from app.services.judging import RunFacts
from workers.ports import Builder, Ending, Image, Machine, Sink, Steps
from workers.steps.build import key_of
from workers.steps.lives import Lives
from workers.steps.patch_builds import Line
from workers.steps.selftests import boot_quietly


@dataclass(slots=True, kw_only=True)
class Prober:
    """Boots single patches; `run` and `baseline` are the whole series and what it lies on, as the judge had them.

    `untouched` are the patches that touch nothing that is built, `unbuilt` those that do not build.
    """

    machine: Machine
    builder: Builder
    profile: ProfileSettings
    steps: Steps
    line: Line
    files: tuple[str, ...]
    run: RunFacts
    baseline: RunFacts
    log: Sink
    untouched: frozenset[int]
    unbuilt: set[int] = field(default_factory=set)

    async def boot(self, position: int, tests: Sequence[str] | None) -> Lives | None:
        """Boot the series up to a patch, run those of `tests` (None: all) that it has; None where it does not build.

        Raises:
            InfrastructureError: trouble of ours.
        """
        image = await self._image(position)
        if image is None:
            return None
        chosen = [one for one in image.tests if tests is None or one in tests]
        words = f"reroll: booting {position} of {self.line.length}, {len(chosen)} tests\n"
        self.log(words.encode())
        life = await boot_quietly(self.machine, image, self.profile, tests=chosen or image.tests[:1])
        if life.boot.ending is Ending.TIME_LIMIT:
            raise InfrastructureError(f"the tests of patch {position} were not through in time")
        return life

    def finding(
        self,
        kind: FindingKind,
        good: int,
        bad: int,
        *,
        until: int | None = None,
        tests: tuple[str, ...] = (),
        what: str = "",
        excerpt: str = "",
    ) -> Finding:
        """Return what one of the patches after `good` up to `bad` does: none that touches nothing that is built."""
        culprits = [at for at in range(good + 1, bad + 1) if at not in self.untouched] or [bad]
        return Finding(
            kind=kind,
            position=culprits[-1],
            title=self.line.patches[culprits[-1] - 1].title,
            earliest=culprits[0],
            until=until,
            tests=tests,
            what=what,
            excerpt=excerpt,
        )

    async def _image(self, position: int) -> Image | None:
        if position in self.unbuilt:
            return None
        commit = self.line.commits[position]
        key = await key_of(self.builder, self.profile, files=self.files, commit=commit)
        kept = await self.builder.find(key)
        if kept is not None:
            return kept
        try:
            return await self.steps.image(commit, key=key, log=self.log)
        except BuildFailedError:
            self.unbuilt.add(position)
            return None
