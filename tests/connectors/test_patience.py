"""How often a question is asked again, how long is waited before, and when it is given up."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest

from connectors.contract import SourceError
from connectors.http import Credential, Limits, Rejected, Session, bearer
from connectors.limits import Form
from tests.peer import Allowance, Answer, Peer, Server, data, failing, hanging_up, serving, told

TIMEOUT = dt.timedelta(seconds=10)
FORMS: list[Form] = ["epoch seconds", "seconds", "timestamp", "http date"]


def always(*answers: Answer) -> Iterator[Answer]:
    """These answers one after the other, and then the last one for ever."""
    yield from answers
    while True:
        yield answers[-1]


def asked(server: Server, times: int = 1, form: Any = None, **arguments: Any) -> Any:
    with Session(server.url, timeout=TIMEOUT, **arguments) as session:
        return [session.json("things", form=form) for _ in range(times)][-1]


def refused(server: Server, **arguments: Any) -> str:
    with pytest.raises(SourceError) as caught:
        asked(server, **arguments)
    return str(caught.value)


def busy(status: int = 429, **headers: str) -> Answer:
    return Answer(status=status, headers={n.replace("_", "-"): v for n, v in headers.items()})


def peer_of(clock: Any, drift: float = 0.0) -> Peer:
    peer = Peer(clock, drift)
    peer.route("/things", lambda request: data([7]))
    return peer


# --- failures -----------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_passing_failure_is_asked_again(status, clock):
    answers = always(busy(status), busy(status), Answer(b"[7]"))
    with serving(lambda request: next(answers)) as server:
        assert asked(server) == [7]
        assert len(server.asked) == 3


def test_a_question_sent_as_a_form_is_asked_again_too(clock):
    answers = always(busy(503), Answer(b"[7]"))
    with serving(lambda request: next(answers)) as server:
        assert asked(server, form={"query": "x"}) == [7]


def test_a_lasting_failure_ends_after_five_tries_with_the_systems_own_words(clock):
    failure = Answer(b'{"error": "no disk left"}', status=503)
    with serving(lambda request: failure) as server:
        said = refused(server)

        assert "503 Service Unavailable: no disk left" in said
        assert len(server.asked) == 5


def test_the_waits_grow_and_are_never_twice_the_same(clock):
    with serving(lambda request: busy(503)) as server:
        refused(server)
        refused(server)

    first, second = clock.waits[:4], clock.waits[4:]
    assert first == sorted(first)
    assert first != second


def test_a_connection_that_ends_without_an_answer_is_tried_again(clock):
    peer = peer_of(clock)
    peer.faults = {1: hanging_up, 2: hanging_up}
    with peer.serving() as server:
        assert asked(server) == [7]
        assert len(server.asked) == 3


def test_a_connection_that_always_ends_without_an_answer_is_given_up_after_three_tries(clock):
    peer = peer_of(clock)
    peer.faults = dict.fromkeys(range(1, 9), hanging_up)
    with peer.serving() as server:
        assert "broke off its answer" in refused(server)
        assert len(server.asked) == 3


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_reset_header_that_a_failure_carries_is_not_obeyed(status, form, clock):
    headers = {"Reset": told(form, clock.now + 600, clock.now), "Left": "0"}
    peer = peer_of(clock)
    peer.faults = {1: failing(status, headers)}
    with peer.serving() as server:
        asked(server, limits=Limits(reset="Reset", form=form, remaining="Left", forbidden=True))

    assert 1 <= clock.waits[0] <= 1.5


def test_a_system_that_is_away_says_for_how_long_with_retry_after(clock):
    answers = always(busy(503, Retry_After="40"), busy(502, Retry_After="40"), Answer(b"[7]"))
    with serving(lambda request: next(answers)) as server:
        asked(server)

    assert clock.waits[0] == 40
    assert clock.waits[1] < 40


# --- limits -------------------------------------------------------------------------------------


def test_the_wait_that_a_system_asks_for_is_kept(clock):
    answers = always(busy(Retry_After="17"), Answer(b"[7]"))
    with serving(lambda request: next(answers)) as server:
        asked(server)

        assert clock.waits == [17]


@pytest.mark.parametrize("drift", [-3600.0, 0.0, 3600.0])
@pytest.mark.parametrize("form", FORMS)
def test_a_limit_is_waited_for_as_long_as_it_lasts_whatever_our_clock_says(form, drift, clock):
    peer = peer_of(clock, drift)
    peer.allowance = Allowance(3, 60, form, reset="X-Reset")
    with peer.serving() as server:
        limits = Limits(reset="x-reset", form=form, remaining="x-ratelimit-remaining")
        asked(server, times=10, limits=limits)

        assert len(server.asked) == 10 + 3
        assert clock.waits == [60, 60, 60]


@pytest.mark.parametrize("reset", ["soon", "0", "-1", "1700000000"])
def test_a_wait_that_nobody_understands_becomes_the_usual_one_of_a_second_at_least(reset, clock):
    answers = always(busy(Retry_After=reset, Reset=reset), Answer(b"[7]"))
    with serving(lambda request: next(answers)) as server:
        asked(server, limits=Limits(reset="Reset", form="epoch seconds"))

    assert 1 <= clock.waits[0] <= 1.5


def test_a_403_that_is_a_limit_is_waited_for(clock):
    peer = peer_of(clock)
    peer.allowance = Allowance(1, 600, "epoch seconds", reset="x-ratelimit-reset", status=403)
    limits = Limits("x-ratelimit-reset", "epoch seconds", "x-ratelimit-remaining", forbidden=True)
    with peer.serving() as server:
        asked(server, times=2, limits=limits, credential=bearer("t"))

    assert clock.waits == [600]


def test_a_403_that_is_no_limit_is_refused_at_once(clock):
    answer = busy(403, x_ratelimit_remaining="12", x_ratelimit_reset="1800000009")
    limits = Limits("x-ratelimit-reset", "epoch seconds", "x-ratelimit-remaining", forbidden=True)
    with serving(lambda request: answer) as server:
        said = refused(server, limits=limits, credential=bearer("t"))

    assert "refuses `token`" in said
    assert clock.waits == []


def test_a_limit_that_is_told_in_words_alone_has_its_own_pause(clock):
    answers = always(data({"message": "Secondary rate limit"}, 403), Answer(b"[7]"))
    with serving(lambda request: next(answers)) as server:
        asked(server, limits=Limits(forbidden=True, words="secondary rate limit", pause=60))

    assert clock.waits == [60]


def test_a_system_that_never_lets_us_in_again_is_waited_for_less_and_less_often(clock):
    with serving(lambda request: busy(Retry_After="1")) as server:
        said = refused(server)

        assert "asks us to wait" in said
        assert len(server.asked) < 30
    assert clock.waits == sorted(clock.waits)
    assert sum(clock.waits) <= 15 * 60


def test_a_limit_without_any_word_of_its_end_is_given_up_as_one(clock):
    with (
        serving(lambda request: data({"message": "rate limit"}, 403)) as server,
        pytest.raises(Rejected, match=r"is asked too often \(403 Forbidden: rate limit\)"),
    ):
        asked(server, limits=Limits(forbidden=True, words="rate limit"))


# --- patience -----------------------------------------------------------------------------------


def test_a_wait_beyond_reason_is_left_to_the_next_refresh_and_says_when_to_come_back(clock):
    with serving(lambda request: busy(Retry_After="3600")) as server:
        said = refused(server)

        assert "asks us to wait 3600 seconds, until 2027-01-15 09:00 UTC" in said
        assert "15 minutes in all" in said
        assert len(server.asked) == 1
    assert clock.waits == []


def test_patience_is_spent_over_all_questions_of_a_session(clock):
    peer = peer_of(clock)
    peer.allowance = Allowance(1, 400, "seconds")
    with peer.serving() as server:
        said = refused(server, times=9)

    assert clock.waits == [400, 400]
    assert "asks us to wait 400 seconds" in said


def test_every_wait_is_told_with_its_reason(clock):
    heard: list[tuple[float, str]] = []
    answers = always(busy(Retry_After="17"), busy(502), Answer(b"[7]"))
    with serving(lambda request: next(answers)) as server:
        asked(server, waiting=lambda seconds, why: heard.append((seconds, why)))

        where = f"{server.url}/things"
    assert [seconds for seconds, _ in heard] == clock.waits
    assert [why for _, why in heard] == [
        f"{where} is asked too often (429)",
        f"{where} has failed (502)",
    ]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422])
def test_what_another_try_would_not_change_is_not_tried_again(status, clock):
    with serving(lambda request: busy(status)) as server:
        refused(server, credential=Credential("`token`", {"PRIVATE-TOKEN": "t"}))

        assert len(server.asked) == 1
    assert clock.waits == []
