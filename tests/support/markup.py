"""Reads pages: that their tags match, and that nothing in them is fetched from elsewhere."""

from __future__ import annotations

from html.parser import HTMLParser

VOID = {"meta", "br", "hr", "img", "input", "link"}


class Checker(HTMLParser):
    """Reads a page and keeps what is wrong with it: tags that do not match, scripts, addresses."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def read(markup: str) -> Checker:
    checker = Checker()
    checker.feed(markup)
    checker.close()
    assert checker.open == []
    return checker


def check_offline(markup: str) -> None:
    """Fails where the page has an address or an attribute that takes one."""
    names = {attribute for attribute, _ in read(markup).attributes}
    assert not names & {"src", "href", "xlink:href", "srcset", "action", "data", "poster"}
    assert "http" not in markup
    assert "url(" not in markup
    assert "@import" not in markup
