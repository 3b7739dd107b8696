import pytest
from sqlalchemy.orm import Session

from app.db.models import Run
from app.domain.outcome import Outcome
from app.web.pages import veristat
from tests import factories as make
from tests.printed import add_programs
from tests.web.conftest import Site
from tests.web.pages.shape import Shape

pytestmark = pytest.mark.anyio
PASS, FAIL = Outcome.PASS, Outcome.FAIL


@pytest.fixture
def runs(stored: Session) -> tuple[Run, Run]:
    baseline = make.add_run(stored)
    run = make.add_run(stored, make.add_revision(stored, make.add_series(stored)), baseline_id=baseline.id)
    same = {"same.bpf.o/p": (PASS, 5, 50)}
    before = {"a.bpf.o/<refused>": (PASS, 40, 4000), "b.bpf.o/grew": (PASS, 10, 2000), **same}
    after = {"a.bpf.o/<refused>": (FAIL, 3, 12), "b.bpf.o/grew": (PASS, 15, 2500), **same}
    before["c.bpf.o/grew"], after["c.bpf.o/grew"] = (PASS, 10, 4000), (PASS, 10, 4001)
    add_programs(stored, baseline, before)
    add_programs(stored, run, after)
    stored.commit()
    return baseline, run


async def words(site: Site, path: str) -> str:
    async with site.client() as client:
        answer = await client.get(path)
    assert answer.status_code == 200
    return Shape(answer.text).words


async def test_a_run_is_compared_with_its_base_worst_first(
    own_site: Site, stored: Session, runs: tuple[Run, Run]
) -> None:
    said = await words(own_site, f"/runs/{runs[1].id}/veristat")
    assert f"Against the base (run {runs[0].id}): 1 refused now, 2 cost more." in said
    assert "a.bpf.o/<refused> refused now instructions 4,000 → 12 -99.7 % states 40 → 3 -92.5 %" in said
    assert "b.bpf.o/grew costs more instructions 2,000 → 2,500 +25.0 % states 10 → 15 +50.0 %" in said
    assert said.index("refused>") < said.index("b.bpf.o/grew") < said.index("same.bpf.o/p the same")
    assert "4 programs, 1 refused" in said


async def test_the_rest_of_a_long_list_is_a_link_away(
    own_site: Site, runs: tuple[Run, Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(veristat, "MOST_ROWS", 1)
    async with own_site.client() as client:
        page = Shape((await client.get(f"/runs/{runs[1].id}/veristat")).text)
        (rest,) = [one for one in page.values("href") if one.startswith("/api/v1/runs/")]
        names = [one["name"] for one in (await client.get(rest)).json()["items"]]
    assert "3 programs more over REST" in page.words
    assert names == ["b.bpf.o/grew"]


async def test_a_baseline_shows_the_costliest_first(own_site: Site, runs: tuple[Run, Run]) -> None:
    said = await words(own_site, f"/runs/{runs[0].id}/veristat")
    assert said.index("a.bpf.o/<refused> accepted instructions 4,000 states 40") < said.index("same.bpf.o/p")


async def test_nothing_changed(own_site: Site, runs: tuple[Run, Run]) -> None:
    assert "Nothing changed against" in await words(own_site, f"/runs/{runs[0].id}/veristat?with={runs[0].id}")


async def test_a_run_without_veristat(own_site: Site, stored: Session) -> None:
    run = make.add_run(stored)
    stored.commit()
    async with own_site.client() as client:
        for path in (f"/runs/{run.id}/veristat", "/runs/99999/veristat"):
            assert (await client.get(path)).status_code == 404


async def test_the_same_over_rest(own_site: Site, runs: tuple[Run, Run]) -> None:
    async with own_site.client() as client:
        alone = (await client.get(f"/api/v1/runs/{runs[1].id}/programs")).json()
        both = (await client.get(f"/api/v1/runs/{runs[1].id}/programs?with={runs[0].id}&limit=2")).json()
        rest = (await client.get(both["next"])).json()
        nowhere = await client.get(f"/api/v1/runs/{runs[1].id}/programs?with=99999")
    assert nowhere.status_code == 404
    assert alone["items"][0] == {
        "name": "c.bpf.o/grew",
        "before": None,
        "after": {"accepted": True, "states": 10, "insns": 4001},
        "change": None,
        "insns_growth": None,
        "states_growth": None,
    }
    assert (both["total"], rest["total"], rest["next"]) == (4, 4, None)
    assert [(one["name"], one["change"], one["insns_growth"]) for one in both["items"] + rest["items"]] == [
        ("a.bpf.o/<refused>", "refused now", -0.997),
        ("b.bpf.o/grew", "costs more", 0.25),
        ("c.bpf.o/grew", "costs more", 0.00025),
        ("same.bpf.o/p", "the same", 0.0),
    ]
