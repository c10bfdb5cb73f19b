"""The page's files: where they are found, in which form they are sent, and for how long they may be kept."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import cramjam
import httpx
import pytest

from contracts.settings import Settings
from web.access.guard import SECURITY_HEADERS
from web.app import create_app

SCRIPT = b"console.log('a page');\n" * 200
Body = Callable[[httpx.AsyncClient], Coroutine[Any, Any, None]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """As the build leaves it."""
    assets = tmp_path / "page" / "assets"
    assets.mkdir(parents=True)
    (assets.parent / "index.html").write_text("<!doctype html><title>one</title>")
    (assets / "app-8f3a.js").write_bytes(SCRIPT)
    for name in ("style-1.css", "font-1.woff2", "icon-1.svg", "icon-1.png", "words-1.json", ".hidden.js"):
        (assets / name).write_bytes(name.encode())
    (assets / "notes.txt").write_text("not of the page")
    (tmp_path / "secret.js").write_text("of somebody else")
    (assets / "link.js").symlink_to(tmp_path / "secret.js")
    (assets / "folder.js").mkdir()
    return assets.parent


@pytest.fixture
def asked(settings: Settings, folder: Path, unopened: Any) -> Callable[[Body], None]:
    """Runs ``body(client)`` against an application that serves ``folder``."""

    def run(body: Body) -> None:
        async def opened() -> None:
            transport = httpx.ASGITransport(create_app(settings, unopened(settings), page_folder=folder))
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:26010") as client:
                client.headers.clear()  # httpx would ask for encodings of its own
                await body(client)

        asyncio.run(opened())

    return run


def test_the_index_is_not_kept_and_hashed_files_are(asked: Any) -> None:
    async def body(client: httpx.AsyncClient) -> None:
        index = await client.get("/")
        assert index.text == "<!doctype html><title>one</title>"
        assert index.headers["content-type"].startswith("text/html")
        assert index.headers["cache-control"] == "no-store"
        script = await client.get("/assets/app-8f3a.js")
        assert script.content == SCRIPT
        assert script.headers["cache-control"] == "public, max-age=31536000, immutable"
        for answer in (index, script):
            assert answer.headers["vary"] == "Accept-Encoding"
            told = {name.encode(): value.encode() for name, value in answer.headers.items()}
            for name, value in SECURITY_HEADERS:
                assert name == b"cache-control" or told[name] == value

    asked(body)


def test_media_types(asked: Any) -> None:
    kinds = {
        "app-8f3a.js": "text/javascript",
        "style-1.css": "text/css",
        "font-1.woff2": "font/woff2",
        "icon-1.svg": "image/svg+xml",
        "icon-1.png": "image/png",
        "words-1.json": "application/json",
    }

    async def body(client: httpx.AsyncClient) -> None:
        for name, kind in kinds.items():
            answer = await client.get(f"/assets/{name}")
            assert answer.headers["content-type"].partition(";")[0] == kind

    asked(body)


@pytest.mark.parametrize(
    ("accept", "coding"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip", "gzip"),
        ("GZIP;q=0.5, br;q=0", "gzip"),
        ("br;q=0.000, *", "gzip"),
        ("*", "br"),
        ("identity", None),
        ("br;q=0, gzip; q=0", None),
        ("", None),
        ("x-br, zstd;q=1, ;;=,", None),
    ],
)
def test_the_smallest_form_that_the_client_takes(asked: Any, accept: str, coding: str | None) -> None:
    undo: dict[str | None, Any] = {None: bytes, "br": cramjam.brotli.decompress, "gzip": gzip.decompress}

    async def body(client: httpx.AsyncClient) -> None:
        url = "/assets/app-8f3a.js"
        async with client.stream("GET", url, headers={"accept-encoding": accept}) as answer:
            sent = b"".join([part async for part in answer.aiter_raw()])
        assert answer.headers.get("content-encoding") == coding
        assert bytes(undo[coding](sent)) == SCRIPT
        assert coding is None or len(sent) < len(SCRIPT)
        assert answer.headers["content-length"] == str(len(sent))
        head = await client.head(url, headers={"accept-encoding": accept})
        assert not head.content
        for name in ("content-length", "content-type", "etag", "content-encoding", "cache-control"):
            assert head.headers.get(name) == answer.headers.get(name)

    asked(body)


def test_what_a_browser_has_is_not_sent_again(asked: Any) -> None:
    async def body(client: httpx.AsyncClient) -> None:
        for path in ("/", "/assets/app-8f3a.js"):
            for accept in ("", "br"):
                first = await client.get(path, headers={"accept-encoding": accept})
                for known in (first.headers["etag"], f'"x", W/{first.headers["etag"]}', "*"):
                    headers = {"accept-encoding": accept, "if-none-match": known}
                    again = await client.get(path, headers=headers)
                    assert (again.status_code, again.content) == (304, b"")
                    for name in ("etag", "cache-control", "vary"):
                        assert again.headers[name] == first.headers[name]
                other = await client.get(path, headers={"accept-encoding": accept, "if-none-match": '"x"'})
                assert other.status_code == 200
        plain, packed = [
            (await client.get("/assets/app-8f3a.js", headers={"accept-encoding": accept})).headers["etag"]
            for accept in ("", "br")
        ]
        assert plain != packed

    asked(body)


def test_a_page_that_is_built_again_shows(asked: Any, folder: Path) -> None:
    async def body(client: httpx.AsyncClient) -> None:
        before = await client.get("/")
        (folder / "new.html").write_text("<!doctype html><title>two</title>")
        (folder / "new.html").replace(folder / "index.html")
        (folder / "assets" / "app-8f3a.js").unlink()
        (folder / "assets" / "app-9c01.js").write_text("new")
        after = await client.get("/", headers={"if-none-match": before.headers["etag"]})
        assert after.text == "<!doctype html><title>two</title>"
        assert (await client.get("/assets/app-9c01.js")).text == "new"
        assert (await client.get("/assets/app-8f3a.js")).status_code == 404

    asked(body)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "nothing.js",
            "notes.txt",
            "app-8f3a.js.br",
            "app-8f3a.js.gz",
            ".hidden.js",
            "link.js",
            "folder.js",
        ),
        *("..%2findex.html", "%2e%2e/index.html", "..%5cindex.html", "..%2f..%2fsecret.js", "../index.html"),
        *("%2fetc%2fpasswd", "app-8f3a.js%00", "app-8f3a.js%00.css", "app-8f3a.js%0a", "", "x" * 300 + ".js"),
    ],
)
def test_what_is_no_file_of_the_page_is_a_problem(asked: Any, name: str) -> None:
    async def body(client: httpx.AsyncClient) -> None:
        answer = await client.get(f"/assets/{name}")
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"] == "not_found"
        assert answer.headers["cache-control"] == "no-store"

    asked(body)


def test_no_page_at_all_is_a_problem(settings: Settings, tmp_path: Path, unopened: Any) -> None:
    async def body() -> None:
        transport = httpx.ASGITransport(create_app(settings, unopened(settings), page_folder=tmp_path / "x"))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:26010") as client:
            assert (await client.get("/")).status_code == 404
            assert (await client.get("/problems/timeout")).status_code == 200

    asyncio.run(body())
