"""Two revisions side by side, on the example thread as it came by mail; the page and its REST twin."""

import gzip
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from sqlalchemy import select

from app.db.models import RangeDiff, Revision
from app.db.session import Sessions
from app.domain.message import split_mbox
from app.services.ingest import ingest
from app.web.twofold import LIMIT, Outer, twofold
from tests.example import ITER, LOG
from tests.web.conftest import Site
from tests.web.pages.shape import shape

pytestmark = pytest.mark.anyio
THREAD = Path(__file__).resolve().parents[3] / "examples" / "thread"
LORE = Path(__file__).resolve().parents[4] / "shared" / "lore"


@pytest.fixture
def example(sessions: Sessions) -> Sessions:
    with sessions.begin() as session:
        for file in sorted(THREAD.glob("*.mbox")):
            ingest(session, split_mbox(file.read_bytes()), thread_id=None)
    return sessions


def add_range_diff(sessions: Sessions, text: str) -> None:
    with sessions.begin() as session:
        ids = dict(session.execute(select(Revision.label, Revision.id)).all())
        session.add(
            RangeDiff(
                old_id=ids["v3"],
                new_id=ids["v4"],
                tree="bpf-next",
                old_base="a" * 40,
                new_base="b" * 40,
                old_commit="c" * 40,
                new_commit="d" * 40,
                text=text,
            )
        )


def of_git(changed: int) -> str:
    lines = [f"{n}:  {n}aaaaaaa {'!' if n == changed else '='} {n}:  {n}bbbbbbb bpf: A title\n" for n in range(1, 9)]
    lines[changed - 1] += "    @@ kernel/bpf/a.c: f()\n     +\tkept\n    -+\told <b>\n    ++\tnew <b>\n"
    return "".join(lines)


async def get(client: httpx.AsyncClient, path: str) -> dict:
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_what_changed_stands_beside_what_is_said(client: httpx.AsyncClient, example: Sessions) -> None:
    page = (await client.get("/series/1/compare?from=v3&to=v4")).text
    assert "<b>4 of 8 patches changed from v3 to v4</b>." in page
    assert "The mails compared patch against patch" in page
    assert "spotted by Bob (patch 3)." in page
    line = '<span class="l in-new add"><b>+</b><i>+\tcase BPF_MAP_TYPE_PERCPU_ARRAY:</i>'
    assert line in page
    assert page.count(">same</span>") == 4
    assert page.count(">message changed</span>") == 1
    assert "+    Reviewed-by: Bob Keeper" not in page  # the sign has a place of its own
    assert "<b>+</b><i>    Reviewed-by: Bob Keeper &lt;bob@example.org&gt;</i>" in page


async def test_every_step_between_is_told_the_newest_first(client: httpx.AsyncClient, example: Sessions) -> None:
    found = await get(client, "/api/v1/series/1/range-diff?from=v1&to=v4")
    assert [(step["from"], step["to"], step["said_in"]) for step in found["change_log"]] == [
        ("v1", "v2", "v2"), ("v2", "v3", "v3"), ("v3", "v4", "v4"),
    ]  # fmt: skip
    assert {"depth": 1, "text": found["change_log"][1]["points"][1]["text"]} in found["change_log"][1]["points"]
    page = (await client.get("/series/1/compare?from=v1&to=v4")).text
    assert page.index("<h3>v3 → v4</h3>") < page.index("<h3>v2 → v3</h3>") < page.index("<h3>v1 → v2</h3>")


async def test_the_newest_with_the_one_before_and_any_order(client: httpx.AsyncClient, example: Sessions) -> None:
    plain = await get(client, "/api/v1/series/1/range-diff")
    assert (plain["from"], plain["to"]) == ("v3", "v4")
    assert await get(client, "/api/v1/series/1/range-diff?from=v4&to=v3") == plain
    same = await get(client, "/api/v1/series/1/range-diff?from=v2&to=v2")
    assert {row["change"] for row in same["rows"]} == {"same"}
    assert (await client.get("/series/1/compare?from=v2&to=v2")).status_code == 200


@pytest.mark.parametrize("path", ["/series/1/compare", "/api/v1/series/1/range-diff"])
async def test_what_there_is_not(client: httpx.AsyncClient, example: Sessions, path: str) -> None:
    for query, words in (
        ("?from=v9", "has no revision &#39;v9&#39;; it has v1, v2, v3, v4"),
        ("?to=v1", "there is no revision before it"),
    ):
        answer = await client.get(path + query)
        assert answer.status_code == 404
        assert words in answer.text.replace("'", "&#39;")
    assert (await client.get(path.replace("/1/", "/4711/"))).status_code == 404
    assert (await client.get(f"{path}?from={'v' * 101}")).status_code == 422


async def test_gits_word_goes_first_where_it_is_kept(client: httpx.AsyncClient, example: Sessions) -> None:
    before = await get(client, "/api/v1/series/1/range-diff")
    assert (before["source"], before["applied"]) == ("patch against patch", None)
    add_range_diff(example, of_git(changed=5))
    after = await get(client, "/api/v1/series/1/range-diff")
    assert (after["source"], after["applied"]["new_commit"]) == ("git range-diff", "d" * 40)
    assert [row["change"] for row in after["rows"]] == ["same"] * 4 + ["changed"] + ["same"] * 3
    assert after["rows"][4]["difference"] == "@@ kernel/bpf/a.c: f()\n +\tkept\n-+\told <b>\n++\tnew <b>\n"
    page = (await client.get("/series/1/compare")).text
    assert "<code>git range-diff</code> says of both, applied to bpf-next" in page
    assert '<span class="l in-old add"><b>-</b><i>+\told &lt;b&gt;</i>' in page
    other = await get(client, "/api/v1/series/1/range-diff?from=v2&to=v4")
    assert other["source"] == "patch against patch"


async def test_a_range_diff_of_other_patches_is_passed_over(client: httpx.AsyncClient, example: Sessions) -> None:
    add_range_diff(example, of_git(changed=5).replace("8:  8", "9:  9"))
    found = await get(client, "/api/v1/series/1/range-diff")
    assert (found["source"], found["applied"]) == ("patch against patch", None)


async def test_what_git_splits_is_compared_and_said_to_be(client: httpx.AsyncClient, example: Sessions) -> None:
    whole = of_git(changed=5).splitlines(keepends=True)
    split = ["3:  3aaaaaaa < -:  -------- bpf: A title\n", "-:  -------- > 3:  3bbbbbbb bpf: A title\n"]
    add_range_diff(example, "".join([*whole[:2], *split, *whole[3:]]))
    found = await get(client, "/api/v1/series/1/range-diff")
    assert [row["source"] for row in found["rows"]].count("patch against patch") == 1
    assert found["rows"][2]["change"] == "changed"
    assert "git takes these for two patches" in (await client.get("/series/1/compare")).text


async def test_the_series_page_leads_here(client: httpx.AsyncClient, example: Sessions) -> None:
    page = (await client.get("/series/1?revision=v3")).text
    assert page.count('class="against"') == 3
    for old, new in (("v1", "v2"), ("v2", "v3"), ("v3", "v4")):
        assert f'href="/series/1/compare?from={old}&amp;to={new}" aria-label="{new} against {old}">' in page


def test_a_difference_has_bounds_and_shows_what_cannot_be_seen() -> None:
    found = twofold("@@ x\n" + "+-\u202egone\n" * 40_000)
    assert (found.lines[0].outer, found.lines[1].text) == (Outer.HEADING, "-⟨U+202E⟩gone")
    assert found.left_out == 5 + 8 * 40_000 - LIMIT


async def test_real_revisions(client: httpx.AsyncClient, sessions: Sessions) -> None:
    threads = [LORE / f"percpu-flags-v{n}.mbox.gz" for n in (10, 11, 12, 13)]
    if not all(path.exists() for path in threads):
        pytest.skip("the real threads of ../shared/lore are not here")
    with sessions.begin() as session:
        for path in threads:
            ingest(session, split_mbox(gzip.decompress(path.read_bytes())), thread_id=None)
    found = await get(client, "/api/v1/series/1/range-diff?from=v11&to=v12")
    assert [(row["old"] and row["old"]["position"], row["new"] and row["new"]["position"], row["change"], row["moved"])
            for row in found["rows"]] == [
        (2, 1, "changed", False), (3, 2, "changed", False), (4, 3, "changed", False), (5, 4, "same", False),
        (6, 5, "same", False), (7, 6, "changed", False), (8, 7, "changed", False), (1, None, "dropped", False),
    ]  # fmt: skip
    (step,) = found["change_log"]
    assert step["points"]
    nothing = await get(client, "/api/v1/series/1/range-diff?from=v12&to=v13")
    assert {row["change"] for row in nothing["rows"]} == {"same"}
    assert [point["text"] for point in nothing["change_log"][0]["points"]] == ["No changes, rebased on latest tree."]


async def test_the_tests_of_two_revisions_are_compared_beside_their_patches(site: Site) -> None:
    page = await shape(site, f"/series/{site.example.series.id}/compare?from=v3&to=v4")
    assert "What became of the tests v3 → v4" in page.words
    assert "1 test fixed since v3." in page.words
    assert "v4 selects other tests than v3 did." in page.words
    assert f"test what {ITER}sum is 12, expected 14 fixed" in page.words
    page = await shape(site, f"/series/{site.example.series.id}/compare?from=v1&to=v3")
    assert "1 test broken in v3, 1 test fixed since v1." in page.words
    assert f'{LOG}expected "R0 is read-only", log says "R0 invalid mem access" fixed' in page.words
    v1, _, v3, _ = site.example.runs
    broken, fixed = (f"/runs/{run.id}/tests/test_progs/{quote(name)}" for run, name in ((v3, ITER), (v1, LOG)))
    assert {broken, fixed} <= set(page.values("href"))
    page = await shape(site, f"/series/{site.example.series.id}/compare?from=v2&to=v3")
    assert "Not compared. v2 does not build, so there are no tests of it to compare." in page.words


async def test_the_same_over_rest(site: Site) -> None:
    async with site.client() as client:
        found = (await client.get(f"/api/v1/series/{site.example.series.id}/test-diff?from=v3&to=v4")).json()
    assert [one["name"] for one in found["fixed"]] == [ITER]
    assert (found["from"], found["to"], found["broken"], found["why_not"]) == ("v3", "v4", [], "")
    assert found["old_run_id"] == site.example.runs[2].id
