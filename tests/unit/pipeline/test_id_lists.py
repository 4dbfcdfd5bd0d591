"""Lists of distinct ids as parameters."""

from clickhouse_connect.driver.binding import format_bind_value

from pipeline.id_lists import in_pieces

FIELD_BYTES_MAX = 131_072


def test_every_id_is_in_one_piece_in_order() -> None:
    ids = [f"id-{number}" for number in range(20_000)]

    pieces = list(in_pieces(ids))

    assert [name for piece in pieces for name in piece] == ids
    assert len(pieces) == 4


def test_a_piece_is_a_field_that_clickhouse_takes_however_its_ids_are_escaped() -> None:
    for name in ("'" * 200, "\\\n\t" * 66, "€" * 200, "x"):
        for piece in in_pieces([name] * 5_000):
            assert len(format_bind_value(piece).encode()) <= FIELD_BYTES_MAX


def test_an_id_too_long_for_a_list_goes_alone() -> None:
    assert list(in_pieces(["a", "b" * 20, "c", "d"], 12)) == [["a"], ["b" * 20], ["c", "d"]]


def test_no_ids_are_no_piece() -> None:
    assert list(in_pieces([])) == []
