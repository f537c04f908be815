"""The documentation as a site: built without a warning, whole, and without need of a network."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
# Elements that a browser fetches something for, and the attribute that says from where.
FETCHED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src"}


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    sphinx = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--keep-going", "--quiet"]
    done = subprocess.run(
        [*sphinx, str(DOCS), str(folder)], stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return folder


class _Fetches(HTMLParser):
    """Collects what a browser fetches for a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag, attrs):
        value = dict(attrs).get(FETCHED.get(tag, ""))
        if value:
            self.found.append(value)


def pages(site: Path) -> list[Path]:
    return sorted(page for page in site.rglob("*.html") if "_static" not in page.parts)


@pytest.mark.slow
def test_the_site_has_every_page(site):
    documents = {page.relative_to(DOCS).with_suffix("") for page in DOCS.rglob("*.md")}
    built = {page.relative_to(site).with_suffix("") for page in pages(site)}
    assert {Path("contributing"), Path("changelog"), Path("index")} <= documents <= built
    # Of CONTRIBUTING.md and CHANGELOG.md there is the text, with links that lead somewhere.
    text = (site / "contributing.html").read_text()
    assert "A survey without Python" in text
    assert "tutorials/own_survey.html" in text


@pytest.mark.slow
def test_pages_ask_nothing_of_other_servers(site):
    for page in pages(site):
        parser = _Fetches()
        parser.feed(page.read_text())
        assert parser.found
        for address in parser.found:
            assert not re.match(r"(?:[a-z]+:)?//", address), f"{page.name} fetches {address}"
    for sheet in site.rglob("*.css"):
        for address in re.findall(r"(?:url\(|@import\s+)[\"']?([^\"')]+)", sheet.read_text()):
            assert not re.match(r"(?:https?:)?//", address), f"{sheet.name} fetches {address}"
