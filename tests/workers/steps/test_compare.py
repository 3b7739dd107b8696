"""Range-diffs made while runs are, and never at their cost."""

import pytest
from sqlalchemy import select

from app.db.models import Message, RangeDiff, Revision, Run, Step
from app.domain.outcome import Outcome, Verdict
from app.domain.outcome import Step as StepName
from app.errors import FencedError, InfrastructureError
from app.services import differences
from app.services.rerun import rerun
from tests.workers.house import House
from workers.adapters.git import Trees
from workers.adapters.range_diff import Differ

pytestmark = [pytest.mark.anyio, pytest.mark.tools]


@pytest.fixture
def house(settings, sessions, tmp_path):
    return House(settings, sessions, tmp_path)


def kept(house):
    with house.sessions() as session:
        labels = dict(session.execute(select(Revision.id, Revision.label)).all())
        rows = session.scalars(select(RangeDiff).order_by(RangeDiff.old_id)).all()
        return {(labels[one.old_id], labels[one.new_id]): one for one in rows}


def revision_id(house, label):
    with house.sessions() as session:
        return session.scalars(select(Revision.id).where(Revision.label == label)).one()


async def test_each_revision_is_compared_with_the_one_before(house):
    house.posted(1, ("line_3;", "line_3_good;"))
    house.posted(2, ("line_3;", "line_3_good;"), ("line_9;", "line_9_good;"))
    await house.track(house.posted(3, ("line_3;", "line_3_better;"), ("line_9;", "line_9_good;")))
    found = kept(house)
    assert set(found) == {("v1", "v2"), ("v2", "v3")}
    first, second = found["v1", "v2"], found["v2", "v3"]
    assert first.text.startswith(f"1:  {first.old_commit[:7]} = 1:  ")
    assert f"-:  ------- > 2:  {first.new_commit[:7]} bpf: Change line 2\n" in first.text
    assert "    -+int line_3_good;\n    ++int line_3_better;\n" in second.text
    assert (first.tree, first.old_base, first.new_base) == ("small", *[house.run("v1").base_commit] * 2)
    assert house.run("v3").evidence["commit"] == second.new_commit


async def test_only_where_both_apply(house):
    house.posted(1, ("line_3;", "line_3_good;"))
    house.posted(2, ("line_3;", "line_3_good;"))
    mails = house.archive.threads[1]
    mails[1] = mails[1].replace(b"-int line_3;", b"-int nothing_like_it;").replace(b" int line_", b" int other_")
    await house.track(house.posted(3, ("line_3;", "line_3_better;")))
    assert house.run("v2").verdict is Verdict.DOES_NOT_APPLY
    assert kept(house) == {}


async def test_the_one_after_is_compared_too_where_it_was_applied_first(house):
    house.posted(1, ("line_3;", "line_3_good;"))
    await house.track(house.posted(2, ("line_3;", "line_3_better;")))
    with house.sessions.begin() as session:
        session.delete(session.scalars(select(RangeDiff)).one())
        rerun(session, house.settings, revision_id=revision_id(house, "v1"), only_failed=False, profile=None, times=1,
              requested_by="tests")  # fmt: skip
    await house.work()
    assert set(kept(house)) == {("v1", "v2")}


async def test_what_is_kept_is_not_made_again(house, monkeypatch):
    house.posted(1, ("line_3;", "line_3_good;"))
    await house.track(house.posted(2, ("line_3;", "line_3_better;")))
    with house.sessions() as session:
        assert differences.to_compare(session, house.run("v2").id) == []
        assert differences.to_compare(session, house.run("v1").id) == []
        assert differences.to_compare(session, house.run("v2").baseline_id) == []


def on_another_host(house, folder):
    """Forget the range-diff and run v2 again where nothing of v1 is known."""
    trees = Trees(folder / "elsewhere")
    object.__setattr__(house.context, "trees", trees)
    object.__setattr__(house.context, "differ", Differ(trees.git))
    house.builder.images.clear()
    with house.sessions.begin() as session:
        session.delete(session.scalars(select(RangeDiff)).one())
        rerun(session, house.settings, revision_id=revision_id(house, "v2"), only_failed=False, profile=None, times=1,
              requested_by="tests")  # fmt: skip


async def test_what_this_host_does_not_have_is_applied_again(house, tmp_path):
    house.posted(1, ("line_3;", "line_3_good;"))
    await house.track(house.posted(2, ("line_3;", "line_3_better;"), ("line_9;", "line_9_good;")))
    before = kept(house)["v1", "v2"].text
    on_another_host(house, tmp_path)
    await house.work()
    assert kept(house)["v1", "v2"].text == before
    assert "line_3_better;" in house.builder.texts[house.builder.built[-1]]


async def test_what_cannot_be_applied_again_is_passed_over_and_the_tree_is_right(house, tmp_path):
    house.posted(1, ("line_3;", "line_3_good;"))
    await house.track(house.posted(2, ("line_3;", "line_3_better;")))
    with house.sessions.begin() as session:
        mail = session.scalars(select(Message).where(Message.subject == "[PATCH bpf-next v1 1/1] bpf: Change line 1"))
        for one in mail.all():
            one.raw = one.raw.replace(b"-int line_3;", b"-int nothing_like_it;").replace(b" int line_", b" int other_")
    on_another_host(house, tmp_path)
    await house.work()
    assert kept(house) == {}
    assert "line_3_better;" in house.builder.texts[house.builder.built[-1]]
    with house.sessions() as session:
        newest = session.scalars(select(Run).order_by(Run.id.desc()).limit(1)).one()
        assert newest.verdict is Verdict.CLEAN


class Broken:
    def __init__(self, error):
        self.error = error
        self.asked = 0

    async def range_diff(self, source, old, new):
        self.asked += 1
        if self.error is not None:
            raise self.error


@pytest.mark.parametrize("error", [InfrastructureError("git took too long"), ValueError("a bug of ours"), None])
async def test_trouble_with_it_harms_no_run(house, error):
    differ = Broken(error)
    object.__setattr__(house.context, "differ", differ)
    house.posted(1, ("line_3;", "line_3_good;"))
    await house.track(house.posted(2, ("line_3;", "line_3_better;")))
    assert differ.asked
    assert [house.run(label).verdict for label in ("v1", "v2")] == [Verdict.CLEAN, Verdict.CLEAN]
    assert kept(house) == {}
    with house.sessions() as session:
        applies = session.scalars(select(Step.outcome).where(Step.name == StepName.APPLY)).all()
    assert set(applies) == {Outcome.PASS}


async def test_a_replaced_attempt_ends_there(house):
    differ = Broken(FencedError("replaced"))
    object.__setattr__(house.context, "differ", differ)
    house.posted(1, ("line_3;", "line_3_good;"))
    await house.track(house.posted(2, ("line_3;", "line_3_better;")))
    assert house.run("v1").verdict is Verdict.CLEAN
    assert house.run("v2").verdict is None
