"""What the judge's confirming boots print is kept, of both sides, and each result says where its own part is."""

from pathlib import Path

import pytest

from app.config import ProfileSettings
from app.db.queries.outputs import find_test, read_output
from app.services.test_outputs import find_test_of_run, pair_of
from tests.workers.doubles import progs
from tests.workers.house import House
from workers.ports import Boot, Ending, Image
from workers.steps.selftests import QuietLog, boot_quietly

pytestmark = pytest.mark.anyio
FAILED = "check:FAIL:bpf_iter/ksym unexpected value: actual 1 != expected 2"


@pytest.fixture
def house(settings, sessions, tmp_path):
    return House(settings, sessions, tmp_path)


async def test_both_sides_are_kept_and_found_by_their_results(house):
    await house.track(house.posted(1, ("line_3;", "line_3_bad;")))
    run = house.run("v1")
    assert set(house.machine.loud) == {("bpf_iter",)}
    assert len(house.machine.loud) == 8
    with house.sessions() as session:
        found = find_test_of_run(session, run.id, "test_progs", "bpf_iter/ksym", 0)
        outputs = [read_output(session, one) for one in found.boots]
        assert [(one.result.boot, one.result.on_base) for one in outputs] == [
            (0, False),
            *((boot, False) for boot in range(1, 5)),
            *((boot, True) for boot in range(1, 5)),
        ]
        assert [list(one.lines) for one in outputs[:5]] == [[FAILED]] * 5
        names = [one.place and one.place.name for one in outputs]
        assert names[:3] == ["results", "results-patched-1", "results-patched-2"]
        pair = pair_of(session, found, run.baseline_id)
        assert (pair.left.result.boot, pair.left.result.on_base) == (1, True)
        assert list(pair.right.lines) == [FAILED]
        assert find_test(session, "test_progs", "bpf_iter/nothing") is None


class Fake:
    """A machine whose only test, named after how often it was booted, fails."""

    def __init__(self):
        self.boots = 0

    async def run(self, image, profile, *, tests, console, results, verbose=False):
        self.boots += 1
        name = f"bpf_iter/ksym{self.boots}"
        results("".join(f"{line}\n" for line in progs((name, "FAIL"))).encode())
        return Boot(ending=Ending.FINISHED, booted_s=1.0, wall_s=2.0, accelerator="tcg")


async def test_machine_after_machine_in_one_log():
    kept = bytearray()
    log, machine = QuietLog(sink=kept.extend), Fake()
    image = Image(key="k", folder=Path(), tests=("bpf_iter",), selection=(), not_built=(), toolchain={})
    for number in (1, 2, 3):
        lives = await boot_quietly(machine, image, ProfileSettings(), tests=["bpf_iter"], log=log)
        (one,) = [result for result in lives.results if result.name == f"bpf_iter/ksym{number}"]
        printed = kept[one.log_start : one.log_end].decode()
        assert printed == f"check:FAIL:bpf_iter/ksym{number} unexpected value: actual 1 != expected 2\n"
    assert log.size == len(kept)
