import pytest

from pipeline.supervisor import FUSE_AFTER, FUSE_WAIT_S, ChildState, backoff_s, last_lines


def test_the_wait_doubles_up_to_a_cap():
    waits = [backoff_s(failures, 1.0) for failures in range(1, FUSE_AFTER)]

    assert waits == [0.5, 1.0, 2.0, 4.0]


@pytest.mark.parametrize("failures", range(1, 40))
def test_jitter_spreads_the_wait_and_never_removes_it(failures):
    shortest, longest = backoff_s(failures, 0.0), backoff_s(failures, 1.0)

    assert 0 < shortest < longest


def test_a_blown_fuse_waits_about_a_minute():
    assert 0.7 * FUSE_WAIT_S <= backoff_s(FUSE_AFTER, 0.0) <= backoff_s(1_000_000, 1.0) <= 1.3 * FUSE_WAIT_S


@pytest.mark.parametrize(("failures", "looping"), [(0, False), (FUSE_AFTER - 1, False), (FUSE_AFTER, True)])
def test_a_child_that_died_often_in_a_row_is_looping(failures, looping):
    assert ChildState(1, failures).looping is looping


def test_the_last_lines_are_those_that_say_something(tmp_path):
    log = tmp_path / "accept.log"
    log.write_bytes(b"one\n\x1b[?25h\n\ntwo\n\x1b[31mthree\x1b[0m\n")

    assert last_lines(log, 2) == ["two", "three"]


def test_a_log_that_does_not_exist_has_no_lines(tmp_path):
    assert last_lines(tmp_path / "none.log", 3) == []
