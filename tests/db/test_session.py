from app.db.session import SILENCE


def test_a_server_that_went_silent_is_not_waited_for_without_end(engine):
    with engine.connect() as connection:
        given = connection.connection.driver_connection.info.get_parameters()
    assert {name: given.get(name) for name in SILENCE} == {name: str(value) for name, value in SILENCE.items()}
