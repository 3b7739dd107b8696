"""The text of a report, from its template."""

import shlex
from functools import cache
from pathlib import PurePosixPath

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from app.domain.buildlog import PREFIXES
from app.domain.outcome import ChangeClass, Verdict
from app.domain.sentence import plural
from app.report import layout
from app.report.facts import BlamedTest, Complaint, ReportFacts, Since
from app.report.patches import patches_text
from app.report.reproduce import mailed

MAX_TESTS = 10
MAX_EXCUSED = 5
MAX_COMPLAINTS = 3
MAX_ERRORS = 3
MAX_FIRST = 8
TOOLS = ("gcc", "clang", "lld", "pahole", "qemu")
HOST = "x86_64"
BUILD_ALL = "make bzImage && make -C tools/testing/selftests/bpf"
NOBODYS = "No patch of the series touches this:"
HEADINGS = {ChangeClass.REGRESSION: "Regressions", ChangeClass.NEW_FAILURE: "New tests that fail"}


def report_text(facts: ReportFacts) -> str:
    """Return the body of a report: verdict first, then why, what was tested, how to see it again, where to look."""
    return _template().render(
        facts=facts,
        verdict=_verdict(facts),
        errors=_errors(facts),
        complaints=[_complaint(one) for one in facts.complaints],
        tested=facts.tested,
        blamed=[(HEADINGS[cls], _of_class(facts, cls)) for cls in HEADINGS if _of_class(facts, cls)],
        machine=_machine(facts),
        tools=_tools(facts),
        patches=f"{facts.tested.patches} {'patch' if facts.tested.patches == 1 else 'patches'}",
        not_built=[f"{name} ({reason})" for name, reason in facts.tested.not_built],
        since=_since(facts.since),
        commands=_commands(facts),
        by_patch=patches_text(facts.patches, _verdict(facts)),
        most={
            "tests": MAX_TESTS,
            "excused": MAX_EXCUSED,
            "complaints": MAX_COMPLAINTS,
            "errors": MAX_ERRORS,
            "first": MAX_FIRST,
        },
    )


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("app.report"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - text/plain: there is nothing to escape, and `layout` takes out what controls
    )
    environment.filters.update(
        fill=layout.fill, row=layout.row, log=layout.log, names=layout.names, one_line=layout.one_line, plural=plural
    )
    return environment.get_template("report.txt")


def _of_class(facts: ReportFacts, cls: ChangeClass) -> list[BlamedTest]:
    return [test for test in facts.tests if test.cls is cls]


def _verdict(facts: ReportFacts) -> str:
    """Return the sentence of the page; git's words, which follow as they are, are left out of it."""
    if facts.refusal is None:
        return facts.sentence
    refused = facts.refusal
    return f"{facts.label} {facts.verdict}: patch {refused.position}/{facts.tested.patches} ({refused.title})."


def _errors(facts: ReportFacts) -> list[tuple[str, str]]:
    """Return each error's text under whose it is; no heading where that is whose the one before was."""
    found, before = [], ""
    for error in facts.errors:
        owner = f"Patch {error.position}/{facts.tested.patches}: {error.title}" if error.position else NOBODYS
        found.append(("" if owner == before else owner, _in_tree(error.excerpt or error.message)))
        before = owner
    return found


def _in_tree(excerpt: str) -> str:
    """Return a tool's words with the paths as they are in the tree, not in the sandbox."""
    for prefix in PREFIXES:
        excerpt = excerpt.replace(prefix, "")
    return excerpt


def _complaint(one: Complaint) -> tuple[str, str]:
    """Return title and excerpt; no title where the excerpt begins with it."""
    return ("" if one.title in one.excerpt.partition("\n")[0] else one.title), one.excerpt


def _tools(facts: ReportFacts) -> str:
    """Return the versions of what the result hangs on, a tool never apart from its version; "" if nothing was built."""
    if facts.verdict is Verdict.DOES_NOT_APPLY:
        return ""
    toolchain = facts.tested.toolchain
    return layout.unbroken(f"{tool} {toolchain[tool]}" for tool in TOOLS if tool in toolchain)


def _since(since: Since | None) -> list[tuple[str, tuple[str, ...]]]:
    if since is None:
        return []
    rows = [
        ("fixed", since.fixed),
        ("broken", since.broken),
        ("still fail", since.still_broken),
        ("not known", since.unknown),
    ]
    return [(label, names) for label, names in rows if names]


def _machine(facts: ReportFacts) -> str:
    return f"{facts.tested.profile}, {HOST}" + (
        f", QEMU ({facts.tested.accelerator})" if facts.tested.accelerator else ""
    )


def _commands(facts: ReportFacts) -> list[str]:
    """Return the shell commands that lead to what is said; none for a clean revision."""
    if facts.verdict is Verdict.CLEAN:
        return []
    broken_at, broken_in = _broken(facts)
    begin = [
        f"git switch --detach {_quoted(facts.tested.base_commit)}",
        *_first_commands(facts),
        f"b4 am {f'-P 1-{broken_at} ' if broken_at else ''}-o - {_quoted(facts.root_id)} | git am --3way",
    ]
    if facts.verdict is Verdict.DOES_NOT_APPLY:
        return begin
    if facts.config_url:
        begin += ["curl -fo .config \\", f"  {_quoted(facts.config_url)}", "make olddefconfig"]
    if facts.verdict is Verdict.DOES_NOT_BUILD:
        return [*begin, _make(broken_in)]
    if facts.verdict is Verdict.DOES_NOT_BOOT:
        return [*begin, "make bzImage", "# then boot arch/x86/boot/bzImage in QEMU"]
    return mailed(facts.recipe, [(test.suite, test.name) for test in facts.tests]) if facts.recipe else begin


def _first_commands(facts: ReportFacts) -> list[str]:
    """Return the commands that apply what the series needs; b4 takes one patch of a series with `-P _`."""
    return [
        f"b4 am {'-P _ ' if one.alone else ''}-o - {_quoted(message_id)} | git am --3way"
        for one in facts.tested.first[:MAX_FIRST]
        for message_id in one.message_ids[:MAX_FIRST]
    ]


def _broken(facts: ReportFacts) -> tuple[int, str]:
    """Return how many patches have to be applied for a build to fail, 0 for all, and the first file in error or ""."""
    if facts.errors:
        return 0, facts.errors[0].file or ""
    if facts.verdict is Verdict.DOES_NOT_BUILD and facts.patches:
        return facts.patches.broken_at, facts.patches.broken_in
    return 0, ""


def _make(file: str) -> str:
    """Return what builds a file of the tree alone, all for ""."""
    path = PurePosixPath(file)
    if path.parts[:1] == ("tools",):
        return BUILD_ALL
    if path.suffix == ".c" and not path.is_absolute() and ".." not in path.parts:
        return f"make {_quoted(str(path.with_suffix('.o')))}"
    return "make bzImage"


def _quoted(word: str) -> str:
    return shlex.quote(layout.one_line(word, 1000))
