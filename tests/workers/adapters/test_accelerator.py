import json

import pytest

from workers.adapters import accelerator
from workers.adapters.accelerator import PLACE, Accelerator, Accelerators, probe

pytestmark = pytest.mark.anyio


class Host:
    """Boots that come up with some accelerators, and how often they were tried."""

    def __init__(self, *works: Accelerator) -> None:
        self.works = works
        self.tried: list[Accelerator] = []

    async def boots(self, name: Accelerator, seconds: float) -> bool:
        assert 0 < seconds <= 120
        self.tried.append(name)
        return name in self.works


@pytest.fixture
def opened(monkeypatch):
    """A host whose /dev/kvm can be opened: what comes of it only a boot tells."""
    monkeypatch.setattr(accelerator, "refusal", lambda: None)


async def test_kvm_that_boots_is_remembered(opened, tmp_path):
    host = Host(Accelerator.KVM, Accelerator.TCG)
    for _ in range(2):
        answer = await Accelerators(tmp_path / PLACE).find(host.boots)
        assert answer.name is Accelerator.KVM
    assert host.tried == [Accelerator.KVM]
    assert (await probe(tmp_path)).name is Accelerator.KVM


async def test_kvm_that_lies_is_remembered_once_the_same_image_boots_without(opened, tmp_path):
    host = Host(Accelerator.TCG)
    for _ in range(2):
        answer = await Accelerators(tmp_path / PLACE).find(host.boots)
        assert (answer.name, answer.reason) == (Accelerator.TCG, "a guest does not boot with KVM within 20 s")
    assert host.tried == [Accelerator.KVM, Accelerator.TCG]


async def test_image_that_boots_nowhere_teaches_nothing_about_the_host(opened, tmp_path):
    broken = Host()
    assert (await Accelerators(tmp_path / PLACE).find(broken.boots)).name is Accelerator.TCG
    assert not (tmp_path / PLACE).exists()
    host = Host(Accelerator.KVM)
    assert (await Accelerators(tmp_path / PLACE).find(host.boots)).name is Accelerator.KVM


@pytest.mark.parametrize("kept", ["", "{", "[]", '{"host": "another", "accelerator": "kvm", "reason": ""}', "null"])
async def test_answer_of_another_boot_or_a_broken_file_is_not_believed(opened, tmp_path, kept):
    (tmp_path / PLACE).write_text(kept)
    host = Host(Accelerator.TCG)
    assert (await Accelerators(tmp_path / PLACE).find(host.boots)).name is Accelerator.TCG
    assert json.loads((tmp_path / PLACE).read_text())["accelerator"] == "tcg"


async def test_kvm_that_cannot_be_opened_is_not_tried(monkeypatch, tmp_path):
    monkeypatch.setattr(accelerator, "KVM", tmp_path / "kvm")
    host = Host(Accelerator.KVM)
    answer = await Accelerators(tmp_path / PLACE).find(host.boots)
    assert (answer.name, answer.reason) == (Accelerator.TCG, f"there is no {tmp_path}/kvm")
    (tmp_path / "kvm").touch(mode=0o600)
    monkeypatch.setattr(accelerator.sandbox, "build_user", lambda: accelerator.sandbox.User(uid=999, gid=999))
    assert "closed to the user reroll-build" in (await probe(tmp_path)).reason
    assert host.tried == []
