"""One of the seeded harms through the whole line: what patch 3 breaks and patch 6 mends.

`make harms` runs all of them, and `python -m bench.harms --nulls` ten revisions that are innocent.
"""

import shutil
import tempfile
from pathlib import Path

import pytest

from tests.harms.catalogue import HARMS
from tests.harms.judging import surprises
from tests.harms.running import court, mails_of

pytestmark = [pytest.mark.kernel, pytest.mark.anyio]


@pytest.fixture
def state():
    """A folder whose path is short enough for a Unix socket, and open to PostgreSQL's user."""
    folder = Path(tempfile.mkdtemp(prefix="rh-", dir="/tmp"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


async def test_test_and_patches_are_named(state):
    harm = next(one for one in HARMS if one.name == "mended")
    async with court(state, patches=harm.patches) as there:
        judged = await there.judged(harm.name, await mails_of(harm))
    assert surprises(harm.expected, judged) == [], (judged[-1].verdict["sentence"], judged[-1].mails)
