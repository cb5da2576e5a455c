"""A small part of `make fuzz`, always the same."""

from tests.fuzz.configs import fuzz_configs
from tests.fuzz.requests import fault_in, request_of, sample_bodies
from tests.fuzz.running import fuzz_requests


async def test_five_hundred_random_requests_are_answered_without_a_fault_and_leave_no_error_in_the_log(tmp_path):
    assert await fuzz_requests("small", 500, tmp_path, most_growth=1.0) == []


def test_two_hundred_random_configs_are_taken_or_refused_in_words(tmp_path, capsys):
    assert fuzz_configs("small", 200, tmp_path) == []
    assert capsys.readouterr().out.startswith("200 configs in ")


def test_a_seed_and_a_number_make_the_same_request_again():
    bodies = sample_bodies()
    requests = [request_of("s", number, bodies) for number in range(200)]
    assert requests == [request_of("s", number, bodies) for number in range(200)]
    assert len({request.data for request in requests}) > 190
    assert request_of("t", 0, bodies) != requests[0]


def test_a_fault_is_found_in_a_5xx_and_in_a_callback_that_is_not_taken():
    requests = [request_of("s", number, sample_bodies()) for number in range(100)]
    callback = next(request for request in requests if request.well_formed)
    other = next(request for request in requests if not request.well_formed)
    assert fault_in(callback, "200", b'{"sessionId": "", "retCode": 0}') == ""
    assert fault_in(callback, "400", b"no") == "a callback was answered 400: b'no'"
    assert fault_in(other, "400", b"no") == ""
    assert fault_in(other, "500", b"oh") == "answered 500: b'oh'"
