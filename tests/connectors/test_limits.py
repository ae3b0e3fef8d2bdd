"""What a system means when it says that it is asked too often."""

from __future__ import annotations

import pytest

from connectors.limits import Form, Limits, retry_after

NOW = 1_800_000_000.0  # 2027-01-15 08:00:00 UTC
GITHUB = Limits(
    reset="x-ratelimit-reset",
    form="epoch seconds",
    remaining="x-ratelimit-remaining",
    forbidden=True,
    words="secondary rate limit",
    pause=60,
)


def wait(form: Form, text: str, **headers: str) -> float | None:
    return Limits(reset="Reset", form=form).wait({"Reset": text, **headers}, NOW)


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("epoch seconds", "1800000090"),
        ("seconds", "90"),
        ("seconds", " 90.0 "),
        ("timestamp", "2027-01-15T08:01:30Z"),
        ("timestamp", "2027-01-15T08:01:30"),
        ("timestamp", "2027-01-15T10:01:30.000+0200"),
        ("http date", "Fri, 15 Jan 2027 08:01:30 GMT"),
    ],
)
def test_each_form_tells_the_same_wait(form, text):
    assert wait(form, text) == 90


@pytest.mark.parametrize("form", ["epoch seconds", "seconds", "timestamp", "http date"])
@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "-5",
        "0",
        "nan",
        "inf",
        "1e3",
        "9" * 400,
        "10, 20",
        "1799999999",  # as a number of seconds 57 years, as a moment past
        "1800000090000",  # milliseconds
        "2027-01-15T07:59:59Z",
        "2027-13-45T99:99:99Z",
        "9999-12-31T23:59:59+00:00",
        "Fri, 15 Jan 2027 07:59:59 GMT",
        "Fri, 99 Jan 2027 08:01:30 GMT",
    ],
)
def test_a_reset_that_makes_no_sense_or_is_past_tells_no_wait(form, text):
    assert wait(form, text) is None


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("epoch seconds", "1800003690"),
        ("seconds", "90"),
        ("timestamp", "2027-01-15T09:01:30Z"),
        ("http date", "Fri, 15 Jan 2027 09:01:30 GMT"),
    ],
)
def test_the_clock_of_the_system_counts_where_it_shows_one(form, text):
    an_hour_ahead = "Fri, 15 Jan 2027 09:00:00 GMT"

    assert wait(form, text, Date=an_hour_ahead) == 90


def test_a_clock_that_makes_no_sense_is_not_looked_at():
    assert wait("epoch seconds", "1800000090", Date="noon") == 90


@pytest.mark.parametrize("text", ["17", "Fri, 15 Jan 2027 08:00:17 GMT"])
def test_retry_after_may_be_a_number_or_a_date(text):
    assert retry_after({"Retry-After": text}, NOW) == 17


def test_retry_after_goes_before_a_reset():
    assert wait("seconds", "90", **{"Retry-After": "17"}) == 17


def test_a_retry_after_without_sense_leaves_it_to_the_reset():
    assert wait("seconds", "90", **{"Retry-After": "0"}) == 90


def test_a_reset_of_a_limit_that_has_something_left_is_not_the_one_that_was_hit():
    headers = {"x-ratelimit-reset": "1800003600", "x-ratelimit-remaining": "4711"}

    assert GITHUB.wait(headers, NOW) is None
    assert GITHUB.wait({**headers, "x-ratelimit-remaining": "0"}, NOW) == 3600


def test_of_two_limits_the_longer_one_counts_where_nothing_is_left_of_it():
    day = Limits(reset="day-reset", remaining="day-remaining")
    both = Limits(reset="minute-reset", remaining="minute-remaining", longer=day)
    resets = {"minute-reset": "30", "day-reset": "7200"}

    assert both.wait({**resets, "minute-remaining": "0", "day-remaining": "9"}, NOW) == 30
    assert both.wait({**resets, "minute-remaining": "9", "day-remaining": "0"}, NOW) == 7200
    assert both.wait({**resets, "minute-remaining": "0", "day-remaining": "0"}, NOW) == 7200
    assert both.wait({**resets, "minute-remaining": "9", "day-remaining": "9"}, NOW) is None


@pytest.mark.parametrize(
    ("status", "headers", "said", "is_hit"),
    [
        (429, {}, "", True),
        (403, {"Retry-After": "60"}, "", True),
        (403, {"x-ratelimit-remaining": "0"}, "", True),
        (403, {}, "You have exceeded a Secondary Rate Limit.", True),
        (403, {"x-ratelimit-remaining": "12"}, "Resource not accessible", False),
        (403, {}, "", False),
        (401, {"Retry-After": "60"}, "", False),
        (500, {"x-ratelimit-remaining": "0"}, "", False),
        (200, {"x-ratelimit-remaining": "0"}, "", False),
    ],
)
def test_a_limit_is_told_from_a_refusal(status, headers, said, is_hit):
    assert GITHUB.hit(status, headers, said) is is_hit


def test_where_a_403_never_is_a_limit_retry_after_does_not_make_it_one():
    assert not Limits().hit(403, {"Retry-After": "60"}, "rate limit")
