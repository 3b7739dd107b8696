"""Suspects run again on both sides at once, where the host has room for two machines."""

import asyncio
from dataclasses import dataclass, field, replace

import pytest

from app.domain.outcome import ChangeClass
from app.errors import InfrastructureError
from tests.workers.doubles import ScriptedMachine
from tests.workers.house import House

pytestmark = pytest.mark.anyio
KSYM = "bpf_iter/ksym"
ALONE = ("bpf_iter",)
PATIENCE_S = 0.2


@dataclass
class Crowd(ScriptedMachine):
    """Machines of suspects wait for company: `together` holds the sides that were there when each of them went on."""

    inside: set[bool] = field(default_factory=set)
    together: list[set[bool]] = field(default_factory=list)
    breaks: int = 0
    """So many machines of the base do not start, once the other side's runs."""
    cut: int = 0

    async def run(self, image, profile, *, tests, **ports):
        if tuple(tests) != ALONE:
            return await super().run(image, profile, tests=tests, **ports)
        patched = "bad" in self.builder.texts[image.key]
        self.inside.add(patched)
        try:
            await self._company(patched)
            self.together.append(set(self.inside))
            await asyncio.sleep(PATIENCE_S / 2)  # the other one looks around as well
            return await super().run(image, profile, tests=tests, **ports)
        except asyncio.CancelledError:
            self.cut += 1
            raise
        finally:
            self.inside.discard(patched)

    async def _company(self, patched):
        for _ in range(20):
            if len(self.inside) == 2:
                break
            await asyncio.sleep(PATIENCE_S / 20)
        if self.breaks and len(self.inside) == 2:
            if not patched:
                self.breaks -= 1
                raise InfrastructureError("QEMU would not start")
            await asyncio.sleep(60)


@pytest.fixture
def house(settings, sessions, tmp_path):
    made = House(settings, sessions, tmp_path)
    made.machine = Crowd(made.builder, made.machine.script)
    profile = made.settings.profiles["bpf-quick"].model_copy(update={"patches": "off"})
    made.settings = made.settings.model_copy(update={"profiles": {"bpf-quick": profile}})
    made.context = replace(made.context, settings=made.settings, machine=made.machine)
    return made


@pytest.mark.parametrize(("room", "company"), [(2, {True, False}), (1, None)])
async def test_both_sides_run_at_once_where_there_is_room_and_are_judged_alike(house, room, company):
    house.machine.room = room
    await house.track(house.posted(1, ("line_3;", "line_3_bad;")))
    assert house.changes(house.run("v1")) == {KSYM: ChangeClass.REGRESSION}
    alone = ["bad" in source for source, tests in house.machine.boots if tests == ALONE]
    assert (alone.count(True), alone.count(False)) == (4, 4)
    if company:
        assert all(there == company for there in house.machine.together)
    else:
        assert all(len(there) == 1 for there in house.machine.together)


async def test_a_machine_that_does_not_start_ends_the_other_and_the_judge_begins_again(house):
    house.machine.room, house.machine.breaks = 2, 1
    await house.track(house.posted(1, ("line_3;", "line_3_bad;")))
    assert house.machine.cut == 1
    assert house.changes(house.run("v1")) == {KSYM: ChangeClass.REGRESSION}
