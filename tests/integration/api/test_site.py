"""The page: its files as they were built and nothing beside them, and where it finds the realtime service."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.engines.redis import RedisServer
from tests.api import ApiProcess, problem

PAGE = '<!doctype html><html lang="ar"><script type="module" src="/assets/index-4XyZ.js"></script><h1>طابور</h1></html>'
SCRIPT = "console.log('طابور');"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page as Vite leaves it, and what must not be served: secrets around it, and a link that leads to them."""
    house = tmp_path_factory.mktemp("house")
    assets = house / "dist" / "assets"
    assets.mkdir(parents=True)
    (house / "secret.json").write_text('{"never": "served"}')
    (house / "dist" / "index.html").write_text(PAGE)
    (house / "dist" / "secret.json").write_text('{"never": "served"}')
    (assets / "index-4XyZ.js").write_text(SCRIPT)
    (assets / "style-1042.css").write_text("body { color: teal }")
    (assets / ".env").write_text("SECRET_KEY=never-served")
    (assets / "notes.txt").write_text("never served")
    (assets / "folder.js").mkdir()
    (assets / "link.json").symlink_to(house / "secret.json")
    return house / "dist"


@pytest.fixture(scope="module")
def shop(
    shop_url: str, redis: RedisServer, built: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ApiProcess]:
    settings = {"PAGE_FILES": str(built), "REALTIME_PORT": "6100"}
    with ApiProcess(tmp_path_factory.mktemp("site"), shop_url, redis.url, settings) as process:
        yield process


def test_the_page_is_asked_for_each_time_and_sent_when_it_has_changed(shop: ApiProcess, built: Path) -> None:
    # Given
    first = shop.http.get("/")
    assert (first.text, first.headers["content-type"]) == (PAGE, "text/html; charset=utf-8")
    assert first.headers["cache-control"] == "no-cache"
    known = {"If-None-Match": first.headers["etag"]}
    assert shop.http.get("/", headers=known).status_code == 304
    # When a new one is built
    (built / "index.html").write_text(PAGE.replace("طابور", "طابور جديد"))
    # Then
    again = shop.http.get("/", headers=known)
    assert (again.status_code, "جديد" in again.text) == (200, True)
    (built / "index.html").write_text(PAGE)


def test_its_files_are_kept_for_good_and_say_what_they_are(shop: ApiProcess) -> None:
    for name, kind in (
        ("index-4XyZ.js", "text/javascript; charset=utf-8"),
        ("style-1042.css", "text/css; charset=utf-8"),
    ):
        answer = shop.http.get(f"/assets/{name}")
        assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert shop.http.get("/assets/index-4XyZ.js").text == SCRIPT


@pytest.mark.parametrize(
    "path",
    [
        *("/assets/none.js", "/assets/", "/assets", "/assets/folder.js", "/assets/.env", "/assets/notes.txt"),
        *("/assets/link.json", "/assets/../secret.json", "/assets/..%2fsecret.json", "/assets/%2e%2e/secret.json"),
        *("/assets/..%5csecret.json", "/assets/index-4XyZ.js%00.css", "/assets//index-4XyZ.js", "/secret.json"),
        "/assets/" + "x" * 300 + ".js",
    ],
)
def test_nothing_beside_them_is_served(shop: ApiProcess, path: str) -> None:
    # Given a client that sends a path as it is
    with socket.create_connection(("127.0.0.1", shop.port), timeout=5) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n".encode())
        # When
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    # Then
    assert answer.startswith(b"HTTP/1.1 404 "), answer
    assert b"never" not in answer


def test_where_no_page_was_built_there_is_a_front_door(shop_url: str, redis: RedisServer, tmp_path: Path) -> None:
    with ApiProcess(tmp_path, shop_url, redis.url, {"PAGE_FILES": str(tmp_path / "none")}) as shop:
        page = shop.http.get("/").text
        assert "/docs" in page
        assert "طابور" in page
        problem(shop.http.get("/assets/index-4XyZ.js"), 404, "not_found")


@pytest.mark.parametrize(
    ("asked", "host"),
    [
        ("shop.example", "shop.example"),
        ("shop.example:8000", "shop.example"),
        ("[::1]:8000", "[::1]"),
        ("[", "127.0.0.1"),
        ("", "127.0.0.1"),
    ],
)
def test_realtime_is_where_the_page_came_from(shop: ApiProcess, asked: str, host: str) -> None:
    # When
    answer = shop.http.get("/config.json", headers={"Host": asked})
    # Then
    assert answer.json()["pusher"] == {"key": "taboor-key", "host": host, "port": 6100, "scheme": "http"}
    assert answer.headers["cache-control"] == "no-store"
    # And so is the sandbox of the demo
    assert answer.json()["sandbox"] == f"http://{host}:9000/"


def test_realtime_behind_a_proxy_is_where_the_settings_say(shop_url: str, redis: RedisServer, tmp_path: Path) -> None:
    # Given
    proxy = {
        "REALTIME_PUBLIC_HOST": "live.shop.example",
        "REALTIME_PUBLIC_PORT": "443",
        "PUBLIC_URL": "https://shop.example",
    }
    with ApiProcess(tmp_path, shop_url, redis.url, proxy) as shop:
        # When
        told = shop.http.get("/config.json")
        # Then
        expected = {"key": "taboor-key", "host": "live.shop.example", "port": 443, "scheme": "https"}
        assert told.json()["pusher"] == expected
        assert "secret" not in told.text
