"""Settings: where they come from, what is refused, and that the commented example tells the truth."""

from pathlib import Path

import pytest

from app.config import Settings, load_settings
from app.errors import SubmissionError

EXAMPLE = Path(__file__).resolve().parents[1] / "reroll.example.toml"


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("REROLL_CONFIG", raising=False)


def use(monkeypatch, tmp_path, text):
    file = tmp_path / "settings.toml"
    file.write_text(text)
    monkeypatch.setenv("REROLL_CONFIG", str(file))


def test_the_example_holds_the_defaults(monkeypatch):
    defaults = load_settings()
    monkeypatch.setenv("REROLL_CONFIG", str(EXAMPLE))
    assert load_settings().model_copy(update={"trees": (), "lists": ()}) == defaults


def test_the_example_names_every_setting():
    text = EXAMPLE.read_text()
    for name, field in Settings.model_fields.items():
        assert name in text
        inner = getattr(field.annotation, "model_fields", {})
        assert not [key for key in inner if f"{key} = " not in text]


def test_environment_goes_before_the_file(monkeypatch, tmp_path):
    use(monkeypatch, tmp_path, 'public_url = "http://file"\n[mail]\nport = 26\n')
    monkeypatch.setenv("REROLL_MAIL__PORT", "27")
    monkeypatch.setenv("DATABASE_URL", "postgresql://db/x")
    found = load_settings()
    assert (found.public_url, found.mail.port, found.database_url) == ("http://file", 27, "postgresql://db/x")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("public_url = ", ["settings.toml", "not valid TOML", "at end of document"]),
        ("pubic_url = 'x'", ["settings.toml", "pubic_url"]),
        ("[mail]\nmode = 'loud'", ["mail.mode", "'off', 'preview' or 'send'"]),
        ("[[trees]]\nname = '../up'\nurl = 'x'", ["trees.0.name", "pattern"]),
        ("default_profile = 'none'", ["default_profile is 'none'", "bpf-quick"]),
        ("[lore]\ntimeout = 0", ["lore.timeout", "greater than 0"]),
    ],
)
def test_a_wrong_file_is_told_with_its_place(monkeypatch, tmp_path, text, words):
    use(monkeypatch, tmp_path, text)
    with pytest.raises(SubmissionError) as raised:
        load_settings()
    assert not [word for word in words if word not in str(raised.value)]


def test_a_named_file_that_is_missing_is_an_error(monkeypatch):
    monkeypatch.setenv("REROLL_CONFIG", "/nowhere/reroll.toml")
    with pytest.raises(SubmissionError, match=r"/nowhere/reroll\.toml"):
        load_settings()
