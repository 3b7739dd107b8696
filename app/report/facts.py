"""What a report is made of."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.domain.outcome import ChangeClass, Verdict
from app.report.patches import PatchFacts
from app.report.reproduce import Recipe

MOST_WHY = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class BlamedTest:
    """A test that the series answers for.

    `figures` say what it did on both sides; `message` is why it fails, in a line, and `excerpt` what it printed.
    """

    suite: str
    name: str
    cls: ChangeClass
    figures: str
    message: str = ""
    excerpt: str = ""

    @property
    def why(self) -> str:
        """The message, where what it printed does not say the same; at most MOST_WHY characters."""
        cut = f"{self.message[:MOST_WHY]}..." if len(self.message) > MOST_WHY else self.message
        return "" if self.message in self.excerpt else cut


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """What the kernel complained of, or how its machine ended; `excerpt` is from the console."""

    title: str
    excerpt: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A patch that git refused: its position and title, git's own words, the rejected hunk or ""."""

    position: int
    title: str
    git_said: str
    hunk: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildError:
    """One complaint of a compiler, linker or make; `position` and `title` are of the patch that owns it, if any."""

    file: str | None
    line: int | None
    message: str
    excerpt: str
    position: int | None = None
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Since:
    """The revision before (its label), and the tests blamed: on that one only, on this one only, on both.

    `unknown` were blamed on one of them, and the other does not tell; `caveats` are sentences on what else may be the
    cause of a difference.
    """

    label: str
    fixed: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()
    still_broken: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    caveats: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class First:
    """What was applied before the series, or why it was not, in words.

    `message_ids` are what to fetch to have it: those of single patches where `alone`, else that of a series; none where
    there is nothing to apply.
    """

    text: str
    message_ids: tuple[str, ...] = ()
    alone: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """What was tested, on what, with what.

    `tree_url` is where others get the tree, "" where they cannot; `accelerator` is QEMU's, "" where nothing was booted.
    `compared` counts tests with a result on both sides; `not_built` are tests that the base cannot build, each with
    the reason; `not_run` those that the machine did not come to; `gone` and `skipped` those that the base runs: the
    former do not exist with the patches, the latter skip themselves; `flaky` and `ignored` those whose failures nobody
    is blamed for, each with its figures or why.
    `programs` is what is to be said of what the verifier spends (app.report.programs), "" for nothing.
    """

    patches: int
    tree: str
    tree_url: str = ""
    base_commit: str
    base_reason: str
    profile: str
    toolchain: Mapping[str, str] = field(default_factory=dict)
    accelerator: str = ""
    compared: int = 0
    not_built: tuple[tuple[str, str], ...] = ()
    not_run: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    flaky: tuple[tuple[str, str], ...] = ()
    ignored: tuple[tuple[str, str], ...] = ()
    first: tuple[First, ...] = ()
    programs: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFacts:
    """Everything that a report may say.

    `sentence` is the verdict's, as on the page. `root_id` is the Message-ID of the cover letter (or first patch),
    without brackets. `replaces` is the verdict that an earlier report on this revision gave. `urls` are of the run and
    of the series, in this order; `config_url` is where the kernel's configuration is to be had, "" where none is kept.
    `contact` is whom to write to about Reroll itself, "" where nobody is named.
    """

    label: str
    root_id: str
    verdict: Verdict
    sentence: str
    tested: Tested
    urls: tuple[str, ...]
    config_url: str = ""
    tests: tuple[BlamedTest, ...] = ()
    complaints: tuple[Complaint, ...] = ()
    refusal: Refusal | None = None
    errors: tuple[BuildError, ...] = ()
    since: Since | None = None
    replaces: Verdict | None = None
    patches: PatchFacts | None = None
    recipe: Recipe | None = None
    contact: str = ""
