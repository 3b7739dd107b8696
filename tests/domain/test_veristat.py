from app.domain.veristat import Program, Weight, called_out, compare_programs


def program(name: str, *, accepted: bool = True, states: int = 10, insns: int = 10_000) -> Program:
    return Program(name=name, accepted=accepted, states=states, insns=insns)


def test_verdicts_come_first_then_growth() -> None:
    before = [
        *(program(name) for name in ("grew", "grew more", "same", "gone", "refused", "less")),
        program("accepted", accepted=False),
        program("states", insns=2000),
    ]
    after = [
        program("grew", insns=11_500),
        program("grew more", insns=25_000),
        program("same"),
        program("refused", accepted=False, insns=3),
        program("less", insns=400),
        program("accepted"),
        program("states", insns=2000, states=11),
        program("new"),
        program("new bad", accepted=False),
    ]
    changes = compare_programs(before, after)
    assert [(one.name, one.weight) for one in changes] == [
        ("refused", Weight.REFUSED),
        ("new bad", Weight.NEW_REFUSED),
        ("grew more", Weight.GREW),
        ("grew", Weight.GREW),
        ("states", Weight.GREW),
        ("gone", Weight.GONE),
        ("less", Weight.SHRANK),
        ("accepted", Weight.ACCEPTED),
        ("new", Weight.NEW),
        ("same", Weight.SAME),
    ]
    by_name = {one.name: one for one in changes}
    assert by_name["grew more"].insns == 1.5
    assert by_name["states"].states == 0.1
    assert by_name["gone"].insns is None
    assert [one.name for one in called_out(changes)] == ["refused", "grew more", "grew", "states"]


def test_a_little_growth_or_of_a_small_program_is_not_called_out() -> None:
    before = [program("little"), program("small", insns=10, states=1)]
    after = [program("little", insns=10_900), program("small", insns=20, states=2)]
    assert called_out(compare_programs(before, after)) == ()


def test_growth_from_nothing_is_no_part() -> None:
    change = compare_programs([program("a", states=0)], [program("a", states=5)])[0]
    assert (change.weight, change.states, change.growth) == (Weight.GREW, None, 0.0)
