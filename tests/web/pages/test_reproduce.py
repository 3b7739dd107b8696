"""How to see a failing test again, on the page of its run."""

from urllib.parse import quote

import pytest
from sqlalchemy.orm import Session

from app.domain.outcome import ChangeClass, Outcome, Step, Verdict
from tests import factories as make

pytestmark = pytest.mark.anyio
TEST = "bpf_iter/<b>'x'</b>"


async def test_each_failing_test_has_its_line_and_its_script(client, session: Session) -> None:
    revision = make.add_revision(session, make.add_series(session), "v3", thread=make.add_thread(session))
    baseline = make.add_run(session)
    run = make.add_run(session, revision, verdict=Verdict.REGRESSED, baseline_id=baseline.id)
    make.add_log(session, make.add_step(session, run, Step.BUILD), "config", b"CONFIG_BPF=y\n")
    make.add_results(session, run, {TEST: Outcome.FAIL, "log_buf": Outcome.PASS})
    make.add_change(session, run, TEST, ChangeClass.REGRESSION)
    session.commit()
    page = (await client.get(f"/runs/{run.id}")).text
    assert page.count('<details class="again">') == 2, "with what changed, and among the results"
    assert "./test_progs -a &#39;&#34;&#39;&#34;&#39;bpf_iter/&lt;b&gt;" in page
    assert "<b>'x'" not in page
    href = f"/api/v1/runs/{run.id}/reproduce?suite=test_progs&amp;test=bpf_iter%2F%3Cb%3E%27x%27%3C%2Fb%3E"
    assert href in page
    own = (await client.get(f"/runs/{run.id}/tests/test_progs/{quote(TEST)}")).text
    assert own.count('<details class="again">') == 1
    assert href in own
    script = await client.get(href.replace("&amp;", "&"))
    assert script.status_code == 200


async def test_where_no_kernel_was_built_there_is_no_line(client, session: Session) -> None:
    run = make.add_run(session)
    make.add_results(session, run, {TEST: Outcome.FAIL})
    session.commit()
    assert "again" not in (await client.get(f"/runs/{run.id}")).text
