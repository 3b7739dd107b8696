"""A page as a reader meets it: its words, links and headings."""

from html.parser import HTMLParser

from tests.web.conftest import Site


class Shape(HTMLParser):
    """Reads a page: elements, ids, links, and text outside scripts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in {"a", "b", "bdi", "code", "span", "time"}:
            self.text += " "
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data

    def values(self, name: str) -> list[str]:
        return [value or "" for key, value in self.attributes if key == name]

    @property
    def words(self) -> str:
        return " ".join(self.text.split())


async def shape(site: Site, path: str) -> Shape:
    async with site.client() as client:
        answer = await client.get(path)
    assert answer.status_code == 200, path
    return Shape(answer.text)
