"""The reference rates arrive as they were published, and a day without a rate has none."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connectors import ecb
from connectors.contract import Context, SourceError
from kpi.warehouse import Warehouse
from tests.peer import Answer, Peer, Request, Server, data, web_page

NOW = dt.datetime(2026, 3, 10, 17)
# The columns and their order as the service's `format=csvdata&detail=dataonly` has them.
_HEAD = "KEY,FREQ,CURRENCY,CURRENCY_DENOM,EXR_TYPE,EXR_SUFFIX,TIME_PERIOD,OBS_VALUE\n"


class Bank:
    """The published rates, to be changed by tests."""

    def __init__(self) -> None:
        self.rates = {
            ("USD", "2026-03-06"): "1.0872",
            ("USD", "2026-03-09"): "1.0901",
            ("GBP", "2026-03-06"): "0.83795",
            ("GBP", "2026-03-09"): "",  # a holiday
            ("JPY", "2025-12-30"): "163.06",
        }
        self.asked: list[dict[str, str]] = []
        self.peer = Peer()
        self.peer.route("/data/EXR/{key}", self.answer)

    def answer(self, request: Request) -> Answer:
        """The series asked for, as a table."""
        self.asked.append(request.query)
        _, wanted, base, *_ = request.match["key"].split(".")
        lines = [
            f"EXR.D.{code}.{base}.SP00.A,D,{code},{base},SP00,A,{day},{rate}\n"
            for (code, day), rate in sorted(self.rates.items())
            if (not wanted or code in wanted.split("+")) and day >= request.query["startPeriod"]
        ]
        if not lines:
            return data({"title": "No results found"}, 404)
        return Answer((_HEAD + "".join(lines)).encode(), headers={"Content-Type": "text/csv"})


@pytest.fixture
def bank() -> Bank:
    return Bank()


def options(server: Server, **keys: Any) -> ecb.Options:
    return ecb.Options.model_validate(
        {"connector": "ecb", "url": f"{server.url}/data/EXR", "start": "2025-01-01", **keys}
    )


def pull(
    bank: Bank, folder: Path, now: dt.datetime = NOW, **keys: Any
) -> tuple[dict[str, dict[str, Decimal]], list[str]]:
    """The rates that have landed by currency and day, and what a person is told."""
    told: list[str] = []
    with bank.peer.serving() as server, Warehouse(folder / "warehouse.duckdb") as warehouse:
        run = warehouse.begin("rates", now)
        context = Context(folder, now, notice=told.append)
        for batch in ecb.pull(options(server, **keys), warehouse.state("rates"), context):
            warehouse.land(run, "rates", batch)
        warehouse.finish(run, error=None, advice=None, finished_at=now, as_of=None)
        found: dict[str, dict[str, Decimal]] = {}
        for currency, day, rate in warehouse.connection.execute(
            "select currency, day::varchar, rate from main.fx_rates where base = 'EUR' order by all"
        ).fetchall():
            found.setdefault(currency, {})[day] = rate
    return found, told


def test_all_published_rates_arrive_exactly(bank: Bank, tmp_path: Path) -> None:
    found, told = pull(bank, tmp_path)

    assert found == {
        "USD": {"2026-03-06": Decimal("1.0872"), "2026-03-09": Decimal("1.0901")},
        "GBP": {"2026-03-06": Decimal("0.83795")},
        "JPY": {"2025-12-30": Decimal("163.06")},
    }
    assert told == []


def test_only_the_named_currencies_arrive(bank: Bank, tmp_path: Path) -> None:
    found, _ = pull(bank, tmp_path, currencies=["usd", "GBP"])

    assert set(found) == {"USD", "GBP"}


def test_a_currency_without_any_rate_is_told(bank: Bank, tmp_path: Path) -> None:
    _, told = pull(bank, tmp_path, currencies=["USD", "XAU"])

    assert told == ["The European Central Bank has no rate for XAU."]


def test_the_next_pull_reads_the_last_days_once_more_and_takes_a_correction(
    bank: Bank, tmp_path: Path
) -> None:
    pull(bank, tmp_path)
    bank.rates["USD", "2026-03-06"] = "1.1"
    bank.rates["USD", "2026-03-10"] = "1.0955"

    found, _ = pull(bank, tmp_path, NOW + dt.timedelta(days=1))

    assert bank.asked[-1]["startPeriod"] == "2026-02-27"
    assert found["USD"]["2026-03-06"] == Decimal("1.1")
    assert found["USD"]["2026-03-10"] == Decimal("1.0955")


def test_other_currencies_are_read_from_the_start(bank: Bank, tmp_path: Path) -> None:
    pull(bank, tmp_path, currencies=["USD"])

    found, _ = pull(bank, tmp_path, currencies=["USD", "JPY"])

    assert found["JPY"] == {"2025-12-30": Decimal("163.06")}


def test_no_rate_since_the_last_pull_changes_nothing(bank: Bank, tmp_path: Path) -> None:
    before, _ = pull(bank, tmp_path)
    bank.rates.clear()

    after, _ = pull(bank, tmp_path, NOW + dt.timedelta(days=1))

    assert after == before


def test_a_web_page_is_an_error_and_not_an_empty_list(bank: Bank, tmp_path: Path) -> None:
    bank.peer.faults[1] = web_page

    with pytest.raises(SourceError, match="a web page instead of data"):
        pull(bank, tmp_path)


def test_a_table_without_rates_is_an_error(bank: Bank, tmp_path: Path) -> None:
    bank.peer.faults[1] = lambda peer, request: Answer(b"a,b\n1,2\n")

    with pytest.raises(SourceError, match="something else than rates"):
        pull(bank, tmp_path)


def test_a_word_that_is_no_currency_is_refused() -> None:
    entry: Mapping[str, Any] = {"connector": "ecb", "currencies": ["Dollar"]}

    with pytest.raises(ValueError, match="'Dollar' is no currency"):
        ecb.Options.model_validate(entry)


def test_a_check_shows_one_rate_and_what_a_pull_would_bring(bank: Bank, tmp_path: Path) -> None:
    with bank.peer.serving() as server:
        said = list(ecb.check(options(server), Context(tmp_path, NOW)))

    assert said[1:] == [
        "One rate: 1 EUR was worth 1.0901 USD on 2026-03-09.",
        "A first pull brings 2 currencies since 2025-01-01 into fx_rates.",
    ]


def test_a_check_without_any_rate_does_not_hold(bank: Bank, tmp_path: Path) -> None:
    with (
        bank.peer.serving() as server,
        pytest.raises(SourceError, match="no rate of the last ten days"),
    ):
        list(ecb.check(options(server, currencies=["XAU"]), Context(tmp_path, NOW)))
