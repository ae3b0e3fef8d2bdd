"""Every answer lands once, with its score as it is now, whichever system it was given to."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from connectors import survey
from connectors.contract import Context, SourceError
from kpi.warehouse import Landed
from tests import peer as faults
from tests.connectors.landed import Landing
from tests.peer import Clock, Server
from tests.survey_systems import Delighted, SurveyMonkey, System, Typeform, choices, hour, nps

ROWS = "select response_id, answered_at, score, region from surveys order by 1"


class Source:
    """A system that runs, and a source that pulls from it."""

    def __init__(self, system: System, server: Server, folder: Path) -> None:
        self.system = system
        self.server = server
        self._folder = folder

    @cached_property
    def landing(self) -> Landing:
        return Landing(self._folder, survey)

    def pull(self, at: float, **more: Any) -> Landed:
        return self.landing.pull(self.system.options(self.server.url, **more), hour(at))

    def rows(self) -> list[tuple[Any, ...]]:
        return self.landing.rows(ROWS)

    def options(self, **more: Any) -> survey.Options:
        return survey.Options(connector="survey", **self.system.options(self.server.url, **more))

    def check(self, **more: Any) -> list[str]:
        return list(survey.check(self.options(**more), Context(Path("/"), hour(100))))

    def present(self, at: float, **more: Any) -> set[str]:
        context = Context(Path("/"), hour(at))
        (found,) = survey.present(self.options(**more), self.landing.state, context)
        assert (found.into, found.time, found.end) == ("surveys", "answered_at", hour(at))
        return set(found.keys["response_id"].to_pylist())


@pytest.fixture(params=[Typeform, SurveyMonkey, Delighted])
def system(request: pytest.FixtureRequest, clock: Clock) -> System:
    made: System = request.param(clock)
    return made


@pytest.fixture
def source(system: System, tmp_path: Path) -> Iterator[Source]:
    with system.peer.serving() as server:
        yield Source(system, server, tmp_path)


only = pytest.mark.parametrize
TYPEFORM = only("system", [Typeform], indirect=True)
SURVEYMONKEY = only("system", [SurveyMonkey], indirect=True)
DELIGHTED = only("system", [Delighted], indirect=True)


# --- what lands ---------------------------------------------------------------------------------


def test_answers_land_with_score_region_and_time_in_utc(system, source):
    system.give(hour(1), 10, "EMEA")
    system.give(hour(2), 0)
    source.pull(100)

    assert source.rows() == system.scores()


def test_comments_land_only_when_they_are_asked_for(system, source):
    system.give(hour(1), 9, comment="größer 🚀")
    source.pull(100)
    without = source.landing.rows("select comment from surveys")
    source.pull(100, comment=system.comment)

    assert without == [(None,)]
    assert source.landing.rows("select comment from surveys") == [("größer 🚀",)]


def test_a_region_gets_our_word_and_keeps_its_own_where_the_map_has_none(system, source):
    system.give(hour(1), 9, "de")
    system.give(hour(2), 9, "fr")
    source.pull(100, region={"from": system.region_at, "map": {"de": "EMEA"}})

    assert [region for *_, region in source.rows()] == ["EMEA", "fr"]


def test_an_answer_without_a_score_lands_without_one(system, source):
    system.give(hour(1), None)
    source.pull(100)

    assert source.landing.rows("select count(*), count(score) from surveys") == [(1, 0)]


def test_more_answers_than_a_page_all_land_though_many_are_of_one_second(system, source):
    for number in range(7):
        system.give(hour(1), number)
    for number in range(12):
        system.give(hour(2 + number // 4), 5)
    source.pull(100, page_size=3)

    assert source.rows() == system.scores()


def test_an_answer_from_before_start_does_not_count(system, source):
    system.give(hour(-1), 3, changed=hour(5))
    system.give(hour(1), 9)
    source.pull(100)

    assert source.rows() == system.scores()
    assert len(source.rows()) == 1


def test_a_clock_of_ours_that_is_ahead_loses_nothing(system, source, clock):
    clock.now = hour(10).replace(tzinfo=dt.UTC).timestamp()
    early = system.give(hour(1), 9)
    source.pull(15)
    system.give(hour(10.1), 8)
    if not isinstance(system, Typeform):
        system.change(early, hour(10.1), 2)
    clock.now += 900
    source.pull(15.25)

    assert source.rows() == system.scores()


def test_the_next_pull_brings_what_is_new_and_what_came_late(system, source):
    system.give(hour(1), 9)
    source.pull(100)
    late = system.give(hour(99.5), 2)
    new = system.give(hour(101), 4)
    landed = source.pull(102)

    assert source.rows() == system.scores()
    assert landed.new == 2
    assert {late, new} <= {row[0] for row in source.rows()}


@only("system", [SurveyMonkey, Delighted], indirect=True)
def test_an_answer_that_is_changed_long_after_is_changed_here(system, source):
    first = system.give(hour(1), 9)
    system.give(hour(2), 8)
    source.pull(100)
    system.change(first, hour(2000), 1)
    landed = source.pull(2001)

    assert source.rows() == system.scores()
    assert landed.changed == 1


@only("system", [SurveyMonkey, Delighted], indirect=True)
def test_a_change_that_shows_late_is_seen_as_long_as_the_lookback_lasts(system, source):
    first = system.give(hour(1), 9)
    system.give(hour(99), 9)
    source.pull(100)
    system.change(first, hour(98.5), 2)
    source.pull(100.2, lookback="2 hours")

    assert source.rows() == system.scores()


def test_another_mapping_reads_everything_again(system, source):
    system.give(hour(1), 9, "de")
    source.pull(100)
    source.pull(2000, region={"from": system.region_at, "map": {"de": "EMEA"}})

    assert [region for *_, region in source.rows()] == ["EMEA"]


def test_a_path_that_no_answer_has_is_told(system, source):
    system.give(hour(1), 9, "de")
    source.pull(100, segment={"from": "hidden.plann"})

    assert source.landing.notices == [
        "None of the 1 answers that were read has 'hidden.plann', where `segment` should be."
    ]


def test_a_few_new_answers_without_a_region_are_not_worth_a_word(system, source):
    system.give(hour(1), 9, "de")
    source.pull(100)
    system.give(hour(101), 9)
    source.pull(102)

    assert source.landing.notices == []


# --- scores -------------------------------------------------------------------------------------


@only("system", [Typeform, Delighted], indirect=True)
def test_a_score_beyond_the_scale_is_no_score_and_is_told(system, source):
    system.give(hour(1), 11)
    source.pull(100)

    assert [score for _, _, score, _ in source.rows()] == [None]
    assert "1 answers have a score beyond 0 to 10" in source.landing.notices[0]


@only("score", ["high", 9.5])
@only("system", [Typeform, SurveyMonkey, Delighted], indirect=True)
def test_a_score_that_is_no_whole_number_is_rejected(system, source, score):
    system.give(hour(1), score)
    system.give(hour(2), 9)
    landed = source.pull(100)

    assert landed.rejected == 1
    assert [score for _, _, score, _ in source.rows()] == [9]


@TYPEFORM
@only(
    "field, steps",
    [
        ({"steps": 7}, "7 steps from 0 to 6"),
        ({"steps": 10, "start_at_one": True}, "10 steps from 1 to 10"),
    ],
)
def test_a_form_with_another_scale_is_refused_with_its_steps(system, source, field, steps):
    system.fields = [{"id": "o", "title": "Happy?", "type": "opinion_scale", "properties": field}]

    with pytest.raises(SourceError, match=f"'Happy\\?' in .* is answered with {steps}, not from 0"):
        source.pull(100)


@TYPEFORM
def test_two_nps_questions_need_a_choice_and_each_can_be_named(system, source):
    system.fields.append(nps("q9", "other", "And them?"))
    system.give(hour(1), 9)

    with pytest.raises(SourceError, match=r"asks 2 questions .*'And them\?' \(q9\)"):
        source.pull(100)
    for name in ("q1", "would-recommend", "Recommend us?"):
        source.pull(100, score=name)
    assert source.rows() == system.scores()
    with pytest.raises(SourceError, match=r"Did you mean 'Recommend us\?'"):
        source.pull(100, score="Recomend us")


@SURVEYMONKEY
@only(
    "texts, weights",
    [
        ([f"{n} - likely" for n in range(11)], list(range(1, 12))),
        (["Not at all"] + [""] * 9 + ["Extremely"], None),
        ([f"step {chr(65 + n)}" for n in range(11)], list(range(11))),
    ],
)
def test_choices_stand_for_numbers_by_text_by_weight_or_as_nps(system, source, texts, weights):
    system.questions[0] = choices("q1", "Recommend us?", texts, weights)
    for score in range(11):
        system.give(hour(1 + score), score)
    source.pull(100)

    assert source.rows() == system.scores()


@SURVEYMONKEY
def test_a_survey_with_five_stars_is_refused_with_them(system, source):
    stars = ["1", "2", "3", "4", "5"]
    system.questions[0] = choices("q1", "Stars?", stars, [1, 2, 3, 4, 5])

    with pytest.raises(SourceError, match="is answered with 5 steps: 1, 2, 3, 4, 5, not from 0"):
        source.pull(100)


@DELIGHTED
def test_a_project_that_asks_for_something_else_than_nps_is_refused(system, source):
    system.kind = "csat"
    system.give(hour(1), 4)

    with pytest.raises(SourceError, match="asks 'csat' in this project"):
        source.pull(100)


# --- while it is read ---------------------------------------------------------------------------


@only("place", [3, 12])
def test_an_answer_deleted_between_two_pages_hides_no_other(system, source, place):
    made = [system.give(hour(number), number % 11) for number in range(9)]
    system.peer.faults[place] = faults.meanwhile(lambda: system.delete(made[0]))
    source.pull(100, page_size=3)

    assert {row[0] for row in source.rows()} >= set(system.answers)


@SURVEYMONKEY
def test_a_response_changed_between_two_pages_hides_no_other(system, source):
    made = [system.give(hour(number), 5) for number in range(9)]
    system.peer.faults[3] = faults.meanwhile(lambda: system.change(made[0], hour(50), 7))
    source.pull(100, page_size=3)

    assert source.rows() == system.scores()


@only("fault", [faults.cut_json, faults.web_page, faults.expired, faults.repeated])
def test_a_pull_that_breaks_keeps_what_it_has_and_the_next_completes_it(system, source, fault):
    for number in range(12):
        system.give(hour(number * 700), 5)
    good = system.peer.credential
    system.peer.faults[4] = fault
    with pytest.raises(SourceError):
        source.pull(9000, page_size=3)
    system.peer.credential = good
    source.pull(9001, page_size=3)

    assert source.rows() == system.scores()


@SURVEYMONKEY
def test_a_system_that_sorts_in_another_way_is_not_believed(system, source):
    system.give(hour(1), 5)
    system.give(hour(2), 5)
    system.ascending = False

    with pytest.raises(SourceError, match="in another order than that of their changes"):
        source.pull(100)


@SURVEYMONKEY
def test_when_the_day_is_used_up_progress_is_kept_and_the_time_to_come_back_is_named(
    system, source, clock
):
    for number in range(9):
        system.give(hour(number * 10), 5)
    used_up = {
        "X-Ratelimit-App-Global-Minute-Remaining": "100",
        "X-Ratelimit-App-Global-Minute-Reset": "30",
        "X-Ratelimit-App-Global-Day-Remaining": "0",
        "X-Ratelimit-App-Global-Day-Reset": "7200",
    }
    system.peer.faults[4] = faults.failing(429, used_up)
    with pytest.raises(SourceError, match="asks us to wait 7200 seconds, until 20"):
        source.pull(100, page_size=3)

    assert clock.waits == []
    assert len(source.rows()) > 3
    assert source.landing.state["surveys"]["42"]["until"] > hour(20).isoformat()


@SURVEYMONKEY
def test_when_the_minute_is_used_up_it_waits_as_long_as_it_is_told(system, source, clock):
    system.give(hour(1), 5)
    used_up = {
        "X-Ratelimit-App-Global-Minute-Remaining": "0",
        "X-Ratelimit-App-Global-Minute-Reset": "17",
        "X-Ratelimit-App-Global-Day-Remaining": "100",
        "X-Ratelimit-App-Global-Day-Reset": "7200",
    }
    system.peer.faults[2] = faults.failing(429, used_up)
    source.pull(100)

    assert clock.waits == [17]
    assert source.rows() == system.scores()


# --- what is still there ------------------------------------------------------------------------


def test_all_answers_that_the_system_still_has_are_listed(system, source):
    system.give(hour(-5), 9)
    made = [system.give(hour(number * 700), 5) for number in range(8)]
    source.pull(8000, page_size=3)
    system.delete(made[2])

    assert source.present(8000, page_size=3) == set(made) - {made[2]}


# --- options and check --------------------------------------------------------------------------


@only("system", [Typeform, SurveyMonkey], indirect=True)
def test_an_unknown_survey_is_named_with_the_nearest(system, source):
    (known,) = system.surveys

    with pytest.raises(SourceError, match=f"Did you mean '{known}'"):
        source.pull(100, surveys=[known + "1"])


def test_a_refused_token_is_told_what_to_write(system, source):
    system.peer.credential = ("Authorization", "another")

    with pytest.raises(SourceError, match=r"refuses `token` .*401.*Write (a|an|the) ") as error:
        source.pull(100)
    assert "s3cret" not in str(error.value)


def test_check_proves_question_and_permission_and_shows_one_answer(system, source):
    system.give(hour(1), 9, "EMEA", "a secret")
    said = source.check()

    assert said[0].startswith("Reached http://127.0.0.1")
    assert "holds the score, 0 to 10, in" in said[1]
    assert "score 9, region EMEA." in said[2]
    assert "secret" not in " ".join(said)
    assert said[-1].endswith("since 2026-01-01 into surveys.")


@only(
    "given, message",
    [
        ({"provider": "typeform"}, "name at least one survey"),
        ({"provider": "delighted", "surveys": [1]}, "is for one project"),
        ({"provider": "delighted", "score": "x"}, "has one of each"),
        ({"provider": "surveymonkey", "surveys": [1], "page_size": 101}, "at most 100"),
        ({"provider": "typeform", "surveys": "a", "lookback": "5 minutes"}, "at least '1 hour'"),
    ],
)
def test_an_entry_that_cannot_work_is_refused_in_words(given, message):
    with pytest.raises(ValidationError, match=message):
        survey.Options(connector="survey", token="x", **given)


def test_each_provider_has_its_own_address_and_the_default_start_is_a_year_back(source, system):
    bare = {"connector": "survey", "provider": system.provider, "token": "x"}
    given = survey.Options(**bare, surveys=list(system.surveys))
    system.give(hour(-24 * 370), 1)
    system.give(hour(-24 * 300), 2)
    source.pull(0, start=None)

    assert given.url.startswith("https://api.")
    assert system.provider in given.url
    assert source.rows() == system.scores(hour(0) - dt.timedelta(days=365))
