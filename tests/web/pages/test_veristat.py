import pytest
from sqlalchemy.orm import Session

from app.db.models import Run
from app.domain.outcome import Outcome
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
    assert f"Against run {runs[0].id}: 1 refused now, 1 costs more." in said
    assert "a.bpf.o/<refused> refused now instructions 4,000 → 12 -99.7 % states 40 → 3 -92.5 %" in said
    assert "b.bpf.o/grew costs more instructions 2,000 → 2,500 +25.0 % states 10 → 15 +50.0 %" in said
    assert said.index("refused>") < said.index("b.bpf.o/grew")
    assert "same.bpf.o/p" not in said
    assert "3 programs, 1 refused" in said


async def test_a_baseline_shows_the_dearest_first(own_site: Site, runs: tuple[Run, Run]) -> None:
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
        both = (await client.get(f"/api/v1/runs/{runs[1].id}/programs?with={runs[0].id}")).json()
    assert alone[0] == {
        "name": "b.bpf.o/grew",
        "before": None,
        "after": {"accepted": True, "states": 15, "insns": 2500},
        "change": None,
        "insns_growth": None,
        "states_growth": None,
    }
    assert [(one["name"], one["change"], one["insns_growth"]) for one in both] == [
        ("a.bpf.o/<refused>", "refused now", -0.997),
        ("b.bpf.o/grew", "costs more", 0.25),
        ("same.bpf.o/p", "the same", 0.0),
    ]
