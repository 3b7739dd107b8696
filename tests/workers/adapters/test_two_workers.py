"""Two workers on one host, each a process, build upon the same base at once while each clears what it can."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.workers.adapters.test_kbuild import BPF, Yard, prog_test
from workers.adapters.images import META, PARTS

pytestmark = pytest.mark.tools
ROUNDS = 4


def test_they_share_a_base_and_neither_takes_from_the_other_what_it_uses(place: Path):
    (place / "yard").mkdir()
    yard = Yard(place / "yard")
    yard.upstream.write(f"{BPF}/prog_tests/other.c", prog_test("other"))
    base = yard.upstream.commit("one test more")
    words = [sys.executable, "-m", "tests.workers.adapters.builder_process", str(yard.upstream.folder), base]
    workers = [
        subprocess.Popen(
            [*words, str(yard.place), name, str(ROUNDS)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for name in ("one", "two")
    ]
    said = [worker.communicate(timeout=300) for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], said
    rounds = [[json.loads(line) for line in out.splitlines()] for out, _ in said]
    assert [[one["tests"] for one in each] for each in rounds] == [[["good"], ["good", "other"]] * (ROUNDS // 2)] * 2
    assert {tuple(one["parts"]) for each in rounds for one in each} == {tuple(sorted((*PARTS, META)))}
    # Whoever came first built the base's kernel; the other waited for it, and had no other to build.
    assert sum(one["kernels"] for each in rounds for one in each) == 1
    # Two selections in turn: each was cleared and built again, unless the other worker was using it.
    assert sum(one["selftests"] for each in rounds for one in each) > 2
    assert list((yard.place / "cache" / "builds" / "runs").iterdir()) == []
