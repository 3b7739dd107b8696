"""The boots of a judge: images that were tested before, booted again; what was seen then, on both sides."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from app.config import ProfileSettings
from app.domain.complained import Look
from app.domain.counted import counted
from app.domain.outcome import TestResult
from app.domain.regression import Side, observe, with_whole_suites
from app.domain.test_output import log_name
from app.errors import BuildFailedError, InfrastructureError, PatchDoesNotApplyError
from app.services.execution import Job
from app.services.judging import Hearing, RunFacts
from app.services.records import BootKey
from workers.context import Context
from workers.ports import Base, Ending, Image
from workers.recorder import StepRecord
from workers.steps.apply import base_tree, patched_tree
from workers.steps.build import image_of
from workers.steps.lives import Lives, QuietLog
from workers.steps.selftests import boot_quietly


@dataclass(slots=True, kw_only=True)
class Again:
    """What was seen again: results a boot, on the patched and on the unpatched image, and their kernels' complaints.

    `looks` and `base_looks` say what kernels complained of, machines that ran no test of interest included.
    """

    patched: list[Sequence[TestResult]] = field(default_factory=list)
    base: list[Sequence[TestResult]] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)
    base_looks: list[Look] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeBoots:
    """Boots again for one judge, and keeps what came."""

    context: Context
    record: StepRecord
    job: Job

    def log(self, seen: Sequence[object], *, on_base: bool, verbose: bool = True) -> QuietLog:
        """Return the log of the boot that follows those that were seen, of all its machines."""
        return QuietLog(sink=self.record.log(log_name(len(seen) + 1, on_base=on_base)), verbose=verbose)

    def keep(self, seen: list[Sequence[TestResult]], results: Sequence[TestResult], *, on_base: bool) -> None:
        """Add the results of one boot to those that were `seen`, and store them."""
        seen.append(counted(results, self.job.files))
        for one in results:
            self.record.result(BootKey(boot=len(seen), on_base=on_base), one)

    async def look(
        self,
        image: Image,
        tests: Sequence[str],
        looks: list[Look],
        log: QuietLog | None = None,
        *,
        unready: bool = False,
    ) -> Lives:
        """Boot once and add to `looks` what its kernel complained of; `unready`: it may not come up.

        Raises:
            InfrastructureError: the machine does not start, or does not come up.
        """
        life = await boot_quietly(self.context.machine, image, self.profile, tests=tests, log=log)
        if not (life.ready or unready):
            raise InfrastructureError(f"a confirming machine did not start: {life.boot.ending}")
        came = frozenset(event.fingerprint for event in life.events)
        looks.append(Look(tests=frozenset(tests), came=came, complete=life.complete))
        return life

    @property
    def profile(self) -> ProfileSettings:
        """The profile of what is judged."""
        return self.context.settings.profiles[self.job.profile]

    async def image(self, facts: RunFacts, *, patched: bool) -> Image:
        """Return a run's image: the kept one, or built again where this host has none (another host built it).

        Raises:
            InfrastructureError: it cannot be had.
        """
        kept = await self.context.builder.find(facts.image) if facts.image else None
        if kept is not None:
            return kept
        job = self.job
        base = Base(commit=job.base_commit, reason=job.base_reason)
        try:
            async with self.context.trees.checkout(self.context.tree(job.tree), base) as checkout:
                commit = await (patched_tree(checkout, job) if patched else base_tree(checkout, job))
                return await image_of(self.context.builder, checkout, self.profile, files=job.files, commit=commit)
        except (BuildFailedError, PatchDoesNotApplyError) as error:
            raise InfrastructureError(f"run {facts.run_id} built before and does not build here: {error}") from error


def sides(hearing: Hearing, again: Again) -> tuple[Side, Side]:
    """Return what is known of base and patched tree so far."""
    first = () if hearing.baseline is None else hearing.baseline.results
    base, patched = observe([first, *again.base]), observe([hearing.run.results, *again.patched])
    return with_whole_suites(base, patched), with_whole_suites(patched, base)


def expect_through(life: Lives) -> None:
    """Raise InfrastructureError where the time for all tests was up: what did not come may have come later."""
    if life.boot.ending is Ending.TIME_LIMIT:
        raise InfrastructureError(f"the tests were not through after {life.boot.wall_s:.0f} s when they ran again")
