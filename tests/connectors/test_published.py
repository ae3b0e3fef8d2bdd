"""What becomes of a published file on its way here."""

from __future__ import annotations

import datetime as dt
import gzip
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.contract import SourceError
from connectors.published import download
from tests.peer import Answer, serving

TIMEOUT = dt.timedelta(seconds=10)
SECRET = "s3cret-token"
CSV = b"score,answered_at\n9,2026-03-01\n"


@pytest.mark.parametrize(
    ("path", "headers", "name"),
    [
        ("/exports/nps.csv", {}, "nps.csv"),
        ("/exports/nps.CSV?key=1", {}, "nps.csv"),
        ("/sheet/pub?output=csv", {"Content-Type": "text/csv; charset=utf-8"}, "pub.csv"),
        ("/latest", {"Content-Disposition": 'attachment; filename="March v1.2.csv"'}, "latest.csv"),
        ("/export.php", {"Content-Type": "text/html"}, "export-php"),
        ("/", {"Content-Type": "application/csv"}, "download.csv"),
        ("/a/..%2F..%2Fetc%2Fpasswd", {}, "passwd"),
    ],
)
def test_a_download_is_named_after_its_address_and_what_it_is(tmp_path, path, headers, name):
    with serving(lambda request: Answer(CSV, headers=headers)) as server:
        found = download(server.url + path, tmp_path, TIMEOUT)

    assert found == tmp_path / name
    assert found.read_bytes() == CSV


def test_a_packed_file_stays_packed(tmp_path):
    packed = gzip.compress(CSV)
    with serving(lambda request: Answer(packed)) as server:
        found = download(f"{server.url}/nps.csv.gz", tmp_path, TIMEOUT)

    assert (found.name, found.read_bytes()) == ("nps.csv.gz", packed)


def test_a_file_that_was_unpacked_on_its_way_is_not_named_as_packed(tmp_path):
    sent = Answer(gzip.compress(CSV), headers={"Content-Encoding": "gzip"})
    with serving(lambda request: sent) as server:
        found = download(f"{server.url}/nps.csv.gz", tmp_path, TIMEOUT)

    assert (found.name, found.read_bytes()) == ("nps.csv", CSV)


def test_a_download_follows_a_redirect_without_the_password_in_its_address(tmp_path):
    with (
        serving(lambda request: Answer(CSV)) as stranger,
        serving(
            lambda request: Answer(status=302, headers={"Location": f"{stranger.url}/2026-03.csv"})
        ) as server,
    ):
        address = server.url.replace("http://", f"http://reader:{SECRET}@")
        found = download(f"{address}/latest", tmp_path, TIMEOUT)

        assert found.name == "latest.csv"
        assert "Authorization" in server.asked[0].headers
        assert "Authorization" not in stranger.asked[0].headers


def page_in_two_pieces() -> Iterator[bytes]:
    yield b"<!doct"
    time.sleep(0.1)  # or the network would join them again
    yield b"ype html>Sign in"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(page_in_two_pieces()), "is a web page, not a file"),
        (Answer(CSV, headers={"Content-Length": "1000"}), "broke off its answer"),
        (Answer(status=404), "There is nothing at"),
    ],
)
def test_a_download_that_fails_leaves_no_file_behind(tmp_path, clock, answer, words):
    with serving(lambda request: answer) as server, pytest.raises(SourceError, match=words):
        download(f"{server.url}/nps.csv?key={SECRET}", tmp_path, TIMEOUT)

    assert list(tmp_path.iterdir()) == []


def test_a_download_replaces_the_one_before(tmp_path: Path):
    answers = iter([Answer(b"old"), Answer(CSV)])
    with serving(lambda request: next(answers)) as server:
        for _ in range(2):
            found = download(f"{server.url}/nps.csv", tmp_path, TIMEOUT)

    assert found.read_bytes() == CSV
