"""What a series needs is applied first, to its run and to its baseline: through the real queue, database and git."""

from dataclasses import dataclass

import pytest
from sqlalchemy import select

from app.db.models import PatchCheck, Revision, Run, RunState, Thread
from app.domain.message import parse_message
from app.domain.outcome import ChangeClass, Verdict
from app.domain.patch_id import patch_id
from app.errors import NotFoundError
from app.services.rerun import rerun
from tests.workers.doubles import Folder, git, post
from tests.workers.house import House

pytestmark = [pytest.mark.anyio, pytest.mark.tools]


@dataclass
class Shelf(Folder):
    """An archive that says what it does not have."""

    async def thread(self, message_id):
        try:
            return await super().thread(message_id)
        except AssertionError:
            raise NotFoundError(f"no mail <{message_id}>") from None


class Stack(House):
    """Posts series on top of each other: a branch for each, by name."""

    def __init__(self, settings, sessions, folder):
        super().__init__(settings, sessions, folder)
        self.archive = self.context.archive
        self.archive.__class__ = Shelf
        self.mails = {}

    def series(self, name, *edits, on="master", says=""):
        """Post a series called `name`, on the branch of another; return the Message-ID of its cover letter."""
        git(self.repository, "checkout", "-q", "-B", f"on-{name}", on)
        here = self.repository.parent / f"clone-{name}"
        git(self.repository.parent, "clone", "-q", "-b", f"on-{name}", str(self.repository), str(here))
        git(here, "branch", "-f", "master", "HEAD")
        mails = post(here, 1, edits)
        git(self.repository, "fetch", "-q", str(here), f"+v1:{name}")
        git(self.repository, "checkout", "-q", "master")
        own = [self._renamed(mail, name) for mail in mails]
        own[0] = own[0].replace(b"Lines change.", b"Lines change.\n\n" + says.encode())
        self.mails[name] = own
        self.archive.threads.append(own)
        return parse_message(own[0]).message_id

    @staticmethod
    def _renamed(mail, name):
        words = mail.replace(b".git.", b"." + name.encode() + b".git.")
        return words.replace(b"bpf: Change lines", b"bpf: Change lines for " + name.encode())

    def run_of(self, message_id):
        with self.sessions() as session:
            wanted = select(Run).join(Revision, Run.revision_id == Revision.id).where(Revision.root_id == message_id)
            return session.scalars(wanted).one()

    def baseline_of(self, run):
        with self.sessions() as session:
            return session.get_one(Run, run.baseline_id)


@pytest.fixture
def stack(settings, sessions, tmp_path):
    return Stack(settings, sessions, tmp_path)


async def test_a_named_prerequisite_is_fetched_and_applied_first(stack):
    under = stack.series("under", ("line_3;", "line_3_under;"), ("line_20;", "line_20_under;"))
    needy = stack.series("needy", ("line_3_under;", "line_3_needy;"), on="under", says=f"Depends-on: <{under}>")
    await stack.track(needy)
    run = stack.run_of(needy)
    assert (run.verdict, run.state) == (Verdict.CLEAN, RunState.DONE)
    (first,) = run.applied_first
    assert first.called == "“bpf: Change lines for under” v1"
    assert (first.patches, first.applied, first.present, first.problem) == (2, 2, 0, "")
    assert first.words == "2 patches"
    texts = set(stack.builder.texts.values())
    assert {"line_20_under" in text for text in texts} == {True}, "the baseline has it too"
    with stack.sessions() as session:
        threads = {one.message_id: one.requested_by for one in session.scalars(select(Thread))}
        assert threads == {needy: "tests", under: "needed by bpf: Change lines for needy v1"}
        assert session.scalars(select(Run).where(Run.revision_id.is_not(None))).one().id == run.id


async def test_what_a_prerequisite_breaks_is_not_blamed_on_the_series(stack):
    under = stack.series("under", ("line_3;", "line_3_bad;"))
    needy = stack.series("needy", ("line_20;", "line_20_fine;"), on="under", says=f"Based-on: <{under}>")
    await stack.track(needy)
    run = stack.run_of(needy)
    assert run.verdict is Verdict.CLEAN
    assert stack.changes(run) == {"bpf_iter/ksym": ChangeClass.PRE_EXISTING}


async def test_a_series_is_blamed_for_its_own_on_top_of_what_it_needs(stack):
    under = stack.series("under", ("line_3;", "line_3_under;"))
    needy = stack.series("needy", ("line_3_under;", "line_3_bad;"), on="under", says=f"Based-on: <{under}>")
    await stack.track(needy)
    run = stack.run_of(needy)
    assert run.verdict is Verdict.REGRESSED
    alone = [text for text, tests in stack.machine.boots if tests == ("bpf_iter",)]
    assert len(alone) == 8
    assert sum("line_3_under" in text for text in alone) == 4, "the base is confirmed with the prerequisite in it"


async def test_a_baseline_with_prerequisites_is_no_one_elses(stack):
    under = stack.series("under", ("line_3;", "line_3_under;"))
    needy = stack.series("needy", ("line_20;", "line_20_fine;"), on="under", says=f"Based-on: <{under}>")
    plain = stack.series("plain", ("line_20;", "line_20_fine;"))
    await stack.track(needy)
    await stack.track(plain)
    first, second = (stack.baseline_of(stack.run_of(one)) for one in (needy, plain))
    assert first.id != second.id
    assert [one["called"] for one in first.prerequisites] == ["“bpf: Change lines for under” v1"]
    assert second.prerequisites == []


async def test_a_chain_is_followed_and_applied_from_its_end(stack):
    lowest = stack.series("lowest", ("line_3;", "line_3_lowest;"))
    middle = stack.series("middle", ("line_3_lowest;", "line_3_middle;"), on="lowest", says=f"Depends-on: <{lowest}>")
    top = stack.series("top", ("line_3_middle;", "line_3_top;"), on="middle", says=f"Depends-on: <{middle}>")
    await stack.track(top)
    run = stack.run_of(top)
    assert run.verdict is Verdict.CLEAN
    assert [(one.called, one.applied) for one in run.applied_first] == [
        ("“bpf: Change lines for lowest” v1", 1),
        ("“bpf: Change lines for middle” v1", 1),
    ]


async def test_a_change_id_with_a_version_is_searched_for(stack):
    change = "20260414-frob-0123456789ab"
    stack.series("under", ("line_3;", "line_3_under;"), says=f"change-id: {change}")
    says = f"prerequisite-change-id: {change}:v1"
    needy = stack.series("needy", ("line_3_under;", "line_3_needy;"), on="under", says=says)
    await stack.track(needy)
    run = stack.run_of(needy)
    assert run.verdict is Verdict.CLEAN
    assert [one.named for one in run.applied_first] == [f"change-id {change}:v1"]
    with stack.sessions() as session:
        titles = {one.title: one.series_id for one in session.scalars(select(Revision))}
    assert len(set(titles.values())) == 2, "a change-id that is needed links nothing"


async def test_what_the_tree_has_already_is_passed_over_and_said(stack):
    under = stack.series("under", ("line_3;", "line_3_under;"), ("line_20;", "line_20_under;"))
    git(stack.repository, "merge", "-q", "--ff-only", "under")
    needy = stack.series("needy", ("line_3_under;", "line_3_needy;"), on="under", says=f"Depends-on: <{under}>")
    await stack.track(needy)
    run = stack.run_of(needy)
    assert run.verdict is Verdict.CLEAN
    (first,) = run.applied_first
    assert (first.applied, first.present, first.words) == (0, 2, "in the tree already")


async def test_a_patch_that_the_tree_has_changed_since_is_known_by_its_patch_id(stack):
    under = stack.series("under", ("line_3;", "line_3_under;"), ("line_20;", "line_20_under;"))
    git(stack.repository, "merge", "-q", "--ff-only", "under")
    source = stack.repository / "kernel" / "bpf" / "core.c"
    source.write_text(source.read_text().replace("line_3_under;", "line_3_later;"))
    git(stack.repository, "commit", "-qam", "later")
    needy = stack.series("needy", ("line_3_later;", "line_3_needy;"), says=f"Depends-on: <{under}>")
    await stack.track(needy)
    run = stack.run_of(needy)
    (first,) = run.applied_first
    assert (first.applied, first.present, first.problem) == (0, 2, "")
    assert run.verdict is Verdict.CLEAN


async def test_a_series_is_not_blamed_for_what_its_missing_prerequisite_would_have_brought(stack):
    stack.series("under", ("line_3;", "line_3_under;"))
    stack.archive.threads.clear()
    says = "Depends-on: <gone@example.org>"
    needy = stack.series("needy", ("line_3_under;", "line_3_needy;"), on="under", says=says)
    await stack.track(needy)
    run = stack.run_of(needy)
    assert run.verdict is Verdict.INCONCLUSIVE
    assert run.sentence.startswith(
        "v1 is inconclusive, for it could not be tested as meant. It needs message-id gone@example.org, "
        "which is not at hand: no mail <gone@example.org>. Without, it does not apply: patch 1 (bpf: Change line 1)"
    )
    (first,) = run.applied_first
    assert first.problem == "is not at hand: no mail <gone@example.org>"


async def test_a_prerequisite_that_is_refused_is_said_with_gits_words_and_nothing_of_it_stays(stack):
    under = stack.series("under", ("line_20;", "line_20_under;"), ("line_3;", "line_3_under;"))
    source = stack.repository / "kernel" / "bpf" / "core.c"
    source.write_text(source.read_text().replace("line_3;", "line_3_elsewhere;"))
    git(stack.repository, "commit", "-qam", "another way")
    needy = stack.series("needy", ("line_28;", "line_28_needy;"), says=f"Depends-on: <{under}>")
    await stack.track(needy)
    run = stack.run_of(needy)
    assert run.verdict is Verdict.CLEAN
    (first,) = run.applied_first
    assert first.problem.startswith("does not apply: patch 2 (bpf: Change line 2) is refused by")
    assert "git said: error: Failed to merge in the changes." in first.problem
    assert "It needs “bpf: Change lines for under” v1, which does not apply" in run.sentence
    assert run.sentence.endswith(": it was tested without.")
    assert not any("line_20_under" in text for text in stack.builder.texts.values())


async def test_a_patch_id_is_found_in_the_trees_history(stack):
    stack.series("under", ("line_3;", "line_3_under;"))
    known = patch_id(parse_message(stack.mails["under"][1]).diff)
    git(stack.repository, "merge", "-q", "--ff-only", "under")
    stack.archive.threads.clear()
    says = f"prerequisite-patch-id: {known}\nprerequisite-patch-id: {'0' * 40}"
    needy = stack.series("needy", ("line_20;", "line_20_fine;"), on="under", says=says)
    await stack.track(needy)
    first, second = stack.run_of(needy).applied_first
    assert (first.words, first.problem) == ("in the tree already", "")
    assert second.problem == "is not at hand: the archive's search does not find it"


async def test_patch_ids_of_a_series_that_is_named_are_not_asked_for_again(stack):
    under = stack.series("under", ("line_3;", "line_3_under;"))
    known = patch_id(parse_message(stack.mails["under"][1]).diff)
    says = f"prerequisite-message-id: <{under}>\nprerequisite-patch-id: {known}"
    needy = stack.series("needy", ("line_3_under;", "line_3_needy;"), on="under", says=says)
    await stack.track(needy)
    assert [one.named for one in stack.run_of(needy).applied_first] == [f"message-id {under}"]


async def test_a_prerequisite_is_run_once_it_is_tracked_itself(stack):
    under = stack.series("under", ("line_3;", "line_3_under;"))
    needy = stack.series("needy", ("line_3_under;", "line_3_needy;"), on="under", says=f"Depends-on: <{under}>")
    await stack.track(needy)
    await stack.track(under)
    assert stack.run_of(under).verdict is Verdict.CLEAN
    with stack.sessions() as session:
        assert len(session.scalars(select(Thread)).all()) == 2


async def test_two_series_that_need_each_other_are_no_endless_loop(stack):
    one = stack.series("one", ("line_3;", "line_3_one;"))
    two = stack.series("two", ("line_20;", "line_20_two;"), says=f"Depends-on: <{one}>")
    stack.archive.threads[0][0] = stack.archive.threads[0][0].replace(
        b"Lines change.", f"Lines change.\n\nDepends-on: <{two}>".encode()
    )
    await stack.track(one)
    named = [(first.named, first.problem) for first in stack.run_of(one).applied_first]
    assert named == [(f"message-id {one}", "needs it in turn: a circle"), (f"message-id {two}", "")]


async def test_running_again_applies_the_same(stack):
    under = stack.series("under", ("line_3;", "line_3_under;"))
    needy = stack.series("needy", ("line_3_under;", "line_3_needy;"), on="under", says=f"Depends-on: <{under}>")
    await stack.track(needy)
    run = stack.run_of(needy)
    with stack.sessions.begin() as session:
        again = rerun(session, stack.settings, revision_id=run.revision_id, requested_by="tests")[0].id
    await stack.work()
    with stack.sessions() as session:
        second = session.get_one(Run, again)
        assert (second.verdict, second.baseline_id) == (Verdict.CLEAN, run.baseline_id)
        assert second.applied_first == run.applied_first


async def test_a_patch_that_was_edited_when_it_was_taken_is_known_by_its_title(stack):
    under = stack.series("under", ("line_3;", "line_3_under;"))
    title = "bpf: Change line 1 of many"
    for at, raw in enumerate(stack.mails["under"]):
        stack.mails["under"][at] = raw.replace(b"bpf: Change line 1", title.encode())
    source = stack.repository / "kernel" / "bpf" / "core.c"
    source.write_text(source.read_text().replace("line_3;", "line_3_edited;"))
    git(stack.repository, "commit", "-qam", title)
    needy = stack.series("needy", ("line_3_edited;", "line_3_needy;"), says=f"Depends-on: <{under}>")
    await stack.track(needy)
    run = stack.run_of(needy)
    assert [one.words for one in run.applied_first] == ["in the tree already"]
    assert run.verdict is Verdict.CLEAN


@pytest.mark.parametrize(
    "edits",
    [
        [("line_3;", "line_3_bad;"), ("line_3_bad;", "line_3_good;"), ("line_4;", "line_4_good;")],
        [("line_3;", "line_3_good;"), ("line_5;", "line_5_removes_log_buf;"), ("line_4;", "line_4_good;")],
    ],
)
async def test_no_patch_is_named_for_what_fails_without_what_the_series_needs(stack, edits):
    needy = stack.series("needy", *edits, says="Depends-on: <nowhere@example.org>")
    await stack.track(needy)
    with stack.sessions() as session:
        check = session.get_one(PatchCheck, stack.run_of(needy).id)
        assert (check.findings, check.trouble) == ([], None)
