"""What a connector can rely on when it asks over HTTP, and what it is told when it fails."""

from __future__ import annotations

import base64
import datetime as dt
import gzip
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator

import pytest

from connectors import http
from connectors.addresses import origin, split
from connectors.contract import SourceError
from connectors.http import Credential, Session, basic, bearer, shown_address
from tests.peer import Answer, Peer, Request, Server, data, dripping, serving
from tests.programs import program

TIMEOUT = dt.timedelta(seconds=10)
SECRET = "s3cret-token"


def asked(server: Server, path: str = "things", **arguments: object) -> object:
    with Session(server.url, timeout=TIMEOUT) as session:
        return session.json(path, **arguments)  # type: ignore[arg-type]


def refusal(server: Server, **arguments: object) -> str:
    with (
        Session(server.url, timeout=TIMEOUT, **arguments) as session,  # type: ignore[arg-type]
        pytest.raises(SourceError) as caught,
    ):
        session.json("things")
    return str(caught.value)


def always(*answers: Answer) -> Iterator[Answer]:
    """These answers one after the other, and then the last one for ever."""
    yield from answers
    while True:
        yield answers[-1]


def closed_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


# --- asking -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ours", "then"), [("2027-01-15T08:00:05", "2027-01-15T08:00:00"), ("2026-01-01", "2026-01-01")]
)
def test_a_moment_is_no_later_than_the_systems_last_answer(ours, then):
    moment = dt.datetime.fromisoformat(ours)
    answer = Answer(b"[]", headers={"Date": "Fri, 15 Jan 2027 08:00:00 GMT"})
    with (
        serving(lambda request: answer) as server,
        Session(server.url, timeout=TIMEOUT) as session,
    ):
        before = session.by_its_clock(moment)
        session.json("things")

        assert before == moment
        assert session.by_its_clock(moment) == dt.datetime.fromisoformat(then)


def test_a_path_is_joined_to_the_prefix_of_the_address():
    with serving(lambda request: Answer(b"[1]")) as server:
        with Session(f"{server.url}/prometheus/?tenant=a", timeout=TIMEOUT) as session:
            answer = session.json("/api/v1/query", params={"time": 5})

        assert answer == [1]
        assert server.asked[0].path == "/prometheus/api/v1/query?tenant=a&time=5"


def test_a_long_question_is_sent_as_a_form():
    with serving(lambda request: Answer(b"{}")) as server:
        asked(server, form={"query": "a b"})

        assert (server.asked[0].method, server.asked[0].body) == ("POST", "query=a+b")


def test_a_question_may_be_sent_as_json():
    with serving(lambda request: Answer(b"{}")) as server:
        asked(server, body={"jql": "order by updated", "fields": ["summary"]})

        (request,) = server.asked
        assert (request.method, request.headers["Content-Type"]) == ("POST", "application/json")
        assert request.json == {"jql": "order by updated", "fields": ["summary"]}


def test_parameters_are_written_as_systems_read_them():
    parameters = {"total": True, "statuses[]": ["open", "done"], "at": "1+1", "since": None}
    with serving(lambda request: Answer(b"{}")) as server:
        asked(server, params=parameters)

        assert server.asked[0].lists == {
            "total": ["true"],
            "statuses[]": ["open", "done"],
            "at": ["1+1"],
        }


def test_a_slash_within_a_part_of_a_path_stays_encoded():
    with serving(lambda request: Answer(b"{}")) as server:
        asked(server, "projects/group%2Fshop/issues")

        assert server.asked[0].path == "/projects/group%2Fshop/issues"


def test_a_page_has_its_body_as_it_came_and_its_headers_however_they_are_written():
    with serving(lambda request: Answer(b'[ {"a": 1} ]', headers={"X-Total": "1"})) as server:
        with Session(server.url, timeout=TIMEOUT) as session:
            page = session.page("things")

        assert page.content == b'[ {"a": 1} ]'
        assert page.value == [{"a": 1}]
        assert page.headers["x-total"] == "1"
        assert page.url == f"{server.url}/things"


def test_a_user_and_password_in_the_address_are_sent_but_never_shown():
    with serving(lambda request: Answer(b"{}")) as server:
        address = server.url.replace("http://", "http://reader:pass%20word@")
        with Session(f"{address}/x", timeout=TIMEOUT) as session:
            session.json("y")

        pair = base64.b64encode(b"reader:pass word").decode()
        assert server.asked[0].headers["Authorization"] == f"Basic {pair}"
        assert shown_address(f"{address}/x?key=1#there") == f"{server.url}/x"


def test_a_credential_is_not_part_of_its_own_text():
    assert SECRET not in repr(bearer(SECRET))
    assert SECRET not in repr(basic("reader", SECRET))


def test_a_password_in_the_users_netrc_is_left_alone(tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login someone password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with serving(lambda request: Answer(b"{}")) as server:
        asked(server)

        assert "Authorization" not in server.asked[0].headers


@pytest.mark.parametrize("address", ["prometheus:9090", "ftp://host/x", "http://", "http://h:x"])
def test_what_is_no_web_address_is_refused(address):
    with pytest.raises(SourceError, match="is not an http address"):
        Session(address, timeout=TIMEOUT)


def test_a_credential_that_no_header_can_carry_is_refused_without_showing_it():
    with pytest.raises(SourceError, match="header Authorization") as caught:
        Session("http://host", timeout=TIMEOUT, credential=bearer(f"{SECRET}\n"))

    assert SECRET not in str(caught.value)


# --- refusals -----------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize(
    ("credential", "key"),
    [(bearer(SECRET), "`token`"), (basic("reader", SECRET), "`user` and `password`")],
)
def test_a_refused_credential_is_named_not_shown_and_not_tried_again(status, credential, key):
    with serving(lambda request: Answer(b"who are you?", status=status)) as server:
        said = refusal(server, credential=credential)

        assert f"refuses {key} ({status}" in said
        assert SECRET not in said
        assert len(server.asked) == 1


def test_a_credential_that_expires_in_the_middle_is_told_and_not_tried_again():
    answers = always(Answer(b"[1]"), Answer(b"token expired", status=401))
    with (
        serving(lambda request: next(answers)) as server,
        Session(server.url, timeout=TIMEOUT, credential=bearer(SECRET)) as session,
    ):
        session.json("things")
        with pytest.raises(SourceError, match=r"takes `token` no longer \(401 Unauth"):
            session.json("things")

        assert len(server.asked) == 2


@pytest.mark.parametrize(
    "credential",
    [
        bearer(SECRET),
        basic("reader", SECRET),
        Credential("`token`", {"Authorization": f"Token token={SECRET}"}),
        Credential("`token`", {"PRIVATE-TOKEN": SECRET}),
    ],
)
@pytest.mark.parametrize("status", [200, 400, 401])
def test_a_credential_that_the_system_repeats_is_not_shown(credential, status):
    def echo(request: Request) -> Answer:
        return Answer(f"{request.headers}, {SECRET}".encode(), status=status)

    with serving(echo) as server:
        said = refusal(server, credential=credential)

    assert "***" in said
    assert SECRET not in said
    assert credential.secrets[0] not in said


def test_a_system_that_wants_a_credential_and_gets_none_says_so():
    with serving(lambda request: Answer(b"no org id", status=401)) as server:
        said = refusal(server)

    assert "wants to know who asks (401 Unauthorized: no org id)" in said


def test_a_missing_page_comes_with_its_likely_causes():
    with serving(lambda request: Answer(status=404)) as server:
        said = refusal(server)

    assert "There is nothing at" in said
    assert "prefix" in said


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"error": {"code": 7, "message": "bad range"}}', "bad range"),
        (b'{"message": "bad range"}', "bad range"),
        (b'["bad range"]', '["bad range"]'),
        (b"bad\n range", "bad range"),
    ],
)
def test_a_refusal_gives_the_systems_own_words(body, words):
    with (
        serving(lambda request: Answer(body, status=400)) as server,
        Session(server.url, timeout=TIMEOUT) as session,
        pytest.raises(http.Rejected) as caught,
    ):
        session.json("things")

    assert (caught.value.status, caught.value.said) == (400, words)


def test_a_web_page_has_no_words_for_a_refusal():
    page = Answer(b"<html><body>long story", status=400, headers={"Content-Type": "text/html"})
    with serving(lambda request: page) as server:
        said = refusal(server)

    assert "(400 Bad Request)" in said


@pytest.mark.parametrize(
    "page",
    [
        Answer(b"\xef\xbb\xbf\n<!DOCTYPE html><p>Sign in"),
        Answer(b"<p>Sign in", headers={"Content-Type": "text/html; charset=utf-8"}),
    ],
)
def test_a_web_page_instead_of_data_is_an_error(page):
    with serving(lambda request: page) as server:
        assert "answered with a web page instead of data" in refusal(server)


@pytest.mark.parametrize("body", [b"", b" \n"])
def test_an_answer_with_nothing_in_it_is_an_error(body):
    with serving(lambda request: Answer(body)) as server:
        assert "answered with nothing at all" in refusal(server)


def test_an_answer_that_is_not_json_is_shown_in_part():
    with serving(lambda request: Answer(b"hello " * 1000)) as server:
        said = refusal(server)

    assert "not JSON: 'hello hello" in said
    assert len(said) < 600


def test_an_answer_whose_json_ends_in_the_middle_is_an_error():
    with serving(lambda request: Answer(b'{"data": [1, 2')) as server:
        assert "is not JSON: '{\"data\": [1, 2'" in refusal(server)


def test_an_answer_that_breaks_off_once_is_read_anew(clock):
    half = Answer(b"[1, 2", headers={"Content-Length": "1000"})
    answers = always(half, Answer(b"[1, 2, 3]"))
    with serving(lambda request: next(answers)) as server:
        assert asked(server) == [1, 2, 3]


def test_an_answer_that_breaks_off_is_an_error(clock):
    half = Answer(b'{"data": [1, 2', headers={"Content-Length": "1000"})
    with serving(lambda request: half) as server:
        assert "broke off its answer" in refusal(server)


def test_an_answer_that_is_too_large_is_given_up(monkeypatch):
    monkeypatch.setattr(http, "_LARGEST_PAGE", 2**20)
    packed = Answer(gzip.compress(b" " * 2**24), headers={"Content-Encoding": "gzip"})
    with serving(lambda request: packed) as server:
        assert "sends more than 1 MiB" in refusal(server)


def test_an_answer_that_drips_is_given_up_in_the_end():
    peer = Peer()
    peer.route("/things", lambda request: data(["a" * 500]))
    peer.faults = {1: dripping(0.02)}
    with (
        peer.serving() as server,
        Session(server.url, timeout=dt.timedelta(seconds=0.1)) as session,
        pytest.raises(SourceError, match="was still sending after 10 times"),
    ):
        session.json("things")


def test_a_system_that_does_not_answer_in_time_is_an_error(clock):
    def slow(request: Request) -> Answer:
        time.sleep(0.5)
        return Answer(b"{}")

    with (
        serving(slow) as server,
        Session(server.url, timeout=dt.timedelta(seconds=0.1)) as session,
        pytest.raises(SourceError, match=r"did not answer within 0\.1 seconds"),
    ):
        session.json("things")


# --- no way there -------------------------------------------------------------------------------


def test_a_closed_port_is_told_with_the_address_but_without_its_secrets(clock):
    url = f"http://reader:{SECRET}@127.0.0.1:{closed_port()}/x?key={SECRET}"
    with Session(url, timeout=TIMEOUT) as session, pytest.raises(SourceError) as caught:
        session.json("y", params={"key": SECRET})

    assert "Nothing answers at http://127.0.0.1:" in str(caught.value)
    assert "/x/y: no connection" in str(caught.value)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


def test_an_unknown_host_is_told(clock):
    with (
        Session("http://nowhere.invalid", timeout=TIMEOUT) as session,
        pytest.raises(SourceError, match=r"host of http://nowhere\.invalid/y has no address"),
    ):
        session.json("y")


def test_a_proxy_that_lets_nobody_through_is_told(clock, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{closed_port()}")
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.delenv("http_proxy", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with (
        Session("http://nowhere.invalid", timeout=TIMEOUT) as session,
        pytest.raises(SourceError, match="proxy on the way to"),
    ):
        session.json("y")


def test_a_certificate_that_nobody_vouches_for_is_told(clock, tmp_path):
    openssl = program("openssl", package="openssl")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"]
    command += ["-subj", "/CN=127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def greet() -> None:
            while listener.fileno() >= 0:
                try:
                    context.wrap_socket(listener.accept()[0], server_side=True).close()
                except ssl.SSLError:
                    continue  # our caller hung up, as it should
                except OSError:
                    return

        thread = threading.Thread(target=greet, daemon=True)
        thread.start()
        with (
            Session(f"https://127.0.0.1:{port}", timeout=TIMEOUT) as session,
            pytest.raises(SourceError, match=r"no secure connection .*certificate"),
        ):
            session.json("y")


# --- on to the next page ------------------------------------------------------------------------


def test_the_next_page_may_be_asked_for_by_its_whole_address():
    with (
        serving(lambda request: Answer(b"[1]")) as server,
        Session(f"{server.url}/api", timeout=TIMEOUT, credential=bearer(SECRET)) as session,
    ):
        session.page(f"{server.url}/other/things?page=2", {"size": 5})

        assert server.asked[0].path == "/other/things?page=2&size=5"
        assert server.asked[0].headers["Authorization"] == f"Bearer {SECRET}"


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:1/things",
        "http://localhost:{port}/things",
        "https://127.0.0.1:{port}/things",
        "HTTP://127.0.0.1.example.org:{port}/things",
        "http://127.0.0.1:{port}@example.org/things",
    ],
)
def test_no_next_page_is_asked_for_elsewhere(address):
    with (
        serving(lambda request: Answer(b"[1]")) as server,
        Session(server.url, timeout=TIMEOUT, credential=bearer(SECRET)) as session,
        pytest.raises(SourceError, match=r"sends us on to .*, where our credential does not go"),
    ):
        session.page(address.format(port=server.url.rpartition(":")[2]))

    assert server.asked == []


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("https://Example.org/api", "HTTPS://example.org:443/other?page=2", True),
        ("http://example.org", "http://example.org:80", True),
        ("http://example.org", "https://example.org", False),
        ("https://example.org", "https://api.example.org", False),
        ("https://example.org:8443", "https://example.org", False),
    ],
)
def test_scheme_host_and_port_make_an_address_our_own(one, other, is_same):
    assert (origin(split(one)) == origin(split(other))) is is_same


# --- redirects ----------------------------------------------------------------------------------


def elsewhere(url: str) -> Answer:
    return Answer(status=302, headers={"Location": url})


def test_no_header_of_ours_follows_a_redirect_to_another_host():
    with (
        serving(lambda request: Answer(b"[1]")) as stranger,
        serving(lambda request: elsewhere(f"{stranger.url}/taken")) as server,
        Session(
            server.url,
            timeout=TIMEOUT,
            credential=Credential("`token`", {"Private-Token": SECRET}),
            headers={"X-Scope-OrgID": "ours"},
        ) as session,
    ):
        session.json("things")

        assert {"Private-Token", "X-Scope-OrgID"} <= set(server.asked[0].headers)
        assert not {"Private-Token", "X-Scope-OrgID"} & set(stranger.asked[0].headers)


def test_a_token_follows_a_redirect_on_its_own_host():
    def answer(request: Request) -> Answer:
        return Answer(b"[1]") if request.path == "/new" else elsewhere("/new")

    with (
        serving(answer) as server,
        Session(server.url, timeout=TIMEOUT, credential=bearer(SECRET)) as session,
    ):
        session.json("old")

        assert server.asked[1].headers["Authorization"] == f"Bearer {SECRET}"


def test_another_host_that_wants_a_credential_does_not_make_ours_wrong():
    with (
        serving(lambda request: Answer(status=401)) as stranger,
        serving(lambda request: elsewhere(stranger.url)) as server,
    ):
        said = refusal(server, credential=bearer(SECRET))

    assert "ours stays at the host in `url`" in said


def test_a_circle_of_redirects_is_told():
    with serving(lambda request: elsewhere("/things")) as server:
        assert "sends us in a circle" in refusal(server)


def test_a_form_is_not_sent_on_after_a_redirect():
    with (
        serving(lambda request: Answer(b"[1]")) as stranger,
        serving(lambda request: elsewhere(f"{stranger.url}/new?state=7")) as server,
        Session(server.url, timeout=TIMEOUT) as session,
        pytest.raises(SourceError, match=r"has moved to http://127\.0\.0\.1:\d+/new\."),
    ):
        session.json("things", form={"query": "x"})

    assert stranger.asked == []
