"""What a machine with some of the patches shows of what the whole series fails."""

from pathlib import Path

import pytest

from app.config import ProfileSettings
from app.domain.bisection import Seen
from app.domain.outcome import TestKey
from workers.ports import Boot, Ending, Image
from workers.steps.first_bad import Subject
from workers.steps.selftests import boot_quietly

pytestmark = pytest.mark.anyio

BEGIN = b'@@reroll {"event":"ready"}\n@@reroll {"event":"begin","suite":"test_verifier"}\n#0/p add OK\n'
END = (
    b"Summary: 1 PASSED, 0 SKIPPED, 0 FAILED\n"
    b'@@reroll {"event":"end","suite":"test_verifier","exit":0}\n@@reroll {"event":"done"}\n'
)


class Verifier:
    """A machine that runs test_verifier, to its end or not."""

    def __init__(self, *, whole):
        self.whole = whole

    async def run(self, image, profile, *, tests, console, results, verbose=False):
        results(BEGIN + (END if self.whole else b""))
        ending = Ending.FINISHED if self.whole else Ending.PANIC
        return Boot(ending=ending, booted_s=1.0, wall_s=2.0, accelerator="tcg")


@pytest.mark.parametrize(("whole", "seen"), [(True, Seen.GOOD), (False, Seen.BAD)])
async def test_a_suite_that_is_cut_short_by_one_patch_came_to_its_end_before_it(whole, seen):
    image = Image(key="k", folder=Path(), tests=("test_verifier:*",), selection=(), not_built=(), toolchain={})
    life = await boot_quietly(Verifier(whole=whole), image, ProfileSettings(), tests=image.tests)
    killed = Subject(key=TestKey(suite="test_verifier", name="test_verifier"))
    assert killed.seen_in(life) is seen
    other = Subject(key=TestKey(suite="test_verifier", name="sub"))
    assert other.seen_in(life) is Seen.UNTOLD
