"""The bench of the parsers in small: that each mixture is what it says, and is read."""

import pytest

from bench import parsers


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("as all of test_progs", True),
        ("each test fails with a long log", True),
        ("each test passes", True),
        ("lines that look like results", False),
        ("rubbish", False),
    ],
)
def test_mixtures_of_results(name, found, tmp_path):
    file = tmp_path / "results"
    parsers._write(file, parsers.RESULTS[name], 200_000)
    assert (int(parsers._read("results", str(file)).split()[0]) > 5) is found


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("quiet, a warning now and then", "complaints, 1 different"),
        ("each line an oops", "complaints, 1 different"),
        ("each line another complaint", "200 complaints, 200 different"),
        ("rubbish", "0 complaints, 0 different"),
        ("warnings of many tasks at once", "complaints, 1 different"),
    ],
)
def test_mixtures_of_consoles(name, found, tmp_path):
    file = tmp_path / "console"
    parsers._write(file, (parsers.CONSOLES | parsers.CALLERS)[name], 200_000)
    assert found in parsers._read("console", str(file))


def test_a_mixture_is_measured_in_a_process_of_its_own(tmp_path):
    file = tmp_path / "console"
    parsers._write(file, parsers.CONSOLES["one warning after the other"], 100_000)
    seconds, megabytes, found = parsers._read_apart("console", str(file))
    assert 0 < seconds < 60
    assert 5 < megabytes < 500
    assert "complaints" in found


@pytest.mark.parametrize(("port", "mixture"), [("results", parsers._mixed), ("console", parsers._quiet)])
def test_the_command_is_measured_too(port, mixture, tmp_path):
    file = tmp_path / "log"
    parsers._write(file, mixture, 100_000)
    seconds, megabytes, found = parsers._read_apart(f"inspect {port}", str(file))
    assert 0 < seconds < 60
    assert 5 < megabytes < 500
    assert int(found.removesuffix(" bytes")) > 300
