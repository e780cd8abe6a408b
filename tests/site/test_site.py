"""The site as its readers see it, in a desktop's window and a phone's."""

from html.parser import HTMLParser
from urllib.parse import unquote, urljoin, urlsplit

import pytest

pytestmark = pytest.mark.slow
DESKTOP, PHONE = 1280, 390
PARTS = 6
"""All pages in one test would be long."""

LOOK = """async () => {
  const images = [...document.images];
  for (const image of images) {
    image.loading = "eager"; // also those far below
    await image.decode().catch(() => 0);
  }
  // A drawer that is on its way out is no fault.
  await new Promise(requestAnimationFrame);
  await Promise.all(document.getAnimations().map((a) => a.finished.catch(() => 0)));
  const paragraphs = [...document.querySelectorAll(".md-content p")].map((p) => p.innerText);
  return {
    broken: images.filter((i) => !i.naturalWidth).map((i) => i.src),
    wide: images.filter((i) => i.getBoundingClientRect().right > innerWidth + 1).map((i) => i.src),
    overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    markup: paragraphs.filter((text) => /^(```|- |\\| |>>> )|```/m.test(text)),
  };
}"""
"""What is wrong with how a page looks; `markup` is what was meant to be a block or a list."""


class Page(HTMLParser):
    """What a page links to, and what can be linked to in it."""

    def __init__(self, text):
        super().__init__()
        self.targets, self.anchors = [], set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.targets += [values[key] for key in ("href", "src") if values.get(key)]
        self.anchors |= {values[key] for key in ("id", "name") if values.get(key)}


def pages_of(site):
    """Every page's path as a browser asks for it."""
    found = sorted(path.relative_to(site).as_posix() for path in site.rglob("*.html"))
    return [f"/{path.removesuffix('index.html')}" for path in found if path != "404.html"]


def test_no_link_is_broken(site):
    pages = {
        path: Page((site / path.lstrip("/") / "index.html").read_text()) for path in pages_of(site)
    }
    broken = []
    for path, page in pages.items():
        for target in page.targets:
            url = urlsplit(urljoin(path, target))
            if url.scheme or url.netloc:
                continue
            file = site / unquote(url.path).lstrip("/")
            is_there = (file / "index.html").exists() if url.path.endswith("/") else file.exists()
            anchors = pages[url.path].anchors if url.path in pages else {url.fragment}
            if not is_there or (url.fragment and unquote(url.fragment) not in anchors):
                broken.append(f"{path}: {target}")
    assert len(pages) > 80
    assert not broken


@pytest.mark.parametrize("part", range(PARTS))
def test_every_page_loads_and_shows_its_pictures(site, open_page, address, part):
    page = open_page("/")
    wrong = []
    for path in pages_of(site)[part::PARTS]:
        page.set_viewport_size({"width": DESKTOP, "height": 800})
        page.goto(address + path, wait_until="load")
        for width in (DESKTOP, PHONE):
            page.set_viewport_size({"width": width, "height": 800})
            seen = page.evaluate(LOOK)
            wrong += [f"{path} at {width}: {what} {value}" for what, value in seen.items() if value]
    assert page.complaints + wrong == []


def test_a_picture_that_is_not_there_would_be_noticed(open_page):
    page = open_page("/guides/look_inside/")
    assert page.evaluate("document.images.length") == 2
    assert page.evaluate(LOOK)["broken"] == []
    page.evaluate("document.images[0].src = '/images/none.svg'")
    assert len(page.evaluate(LOOK)["broken"]) == 1
    assert any("404" in complaint for complaint in page.complaints)


def test_a_request_to_elsewhere_would_be_noticed(open_page):
    page = open_page("/")
    page.evaluate("fetch('http://example.com/').catch(() => 0)")
    assert any("asks for http://example.com/" in complaint for complaint in page.complaints)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("mnist_cnn", "zoo/mnist_cnn/"),
        ("depthwise spoken", "zoo/fsdd_keyword/"),
        ("量化 剪枝", "zh/topics/quantization_pruning_distillation/"),
    ],
)
def test_search_finds_a_page(open_page, words, expected):
    page = open_page("/")
    page.keyboard.press("/")
    page.keyboard.type(words)
    result = f".md-search-result__link[href*='/{expected}']"
    page.wait_for_selector(result, state="attached", timeout=60_000)  # each letter is a search
    assert page.complaints == []


def visible_rows(page):
    return page.eval_on_selector_all(
        "table[data-gallery] tbody tr:not([hidden])",
        "rows => rows.map((row) => row.cells[0].innerText.trim())",
    )


@pytest.mark.parametrize("width", [DESKTOP, PHONE])
def test_the_filters_of_the_gallery(open_page, width):
    import kerazoo

    page = open_page("/zoo/", width)
    assert visible_rows(page) == kerazoo.list_models()

    page.get_by_label("task").select_option("audio-classification")
    assert visible_rows(page) == kerazoo.list_models(task="audio-classification")
    page.get_by_label("task").select_option("")
    page.get_by_label("with weights").check()
    assert visible_rows(page) == kerazoo.list_models(pretrained=True)
    page.get_by_label("search", exact=True).fill("mnist CNN")
    found = visible_rows(page)
    assert "mnist_cnn" in found
    assert "mnist_mlp" not in found
    assert page.get_by_role("status").inner_text().startswith(f"{len(found)} of ")
    page.get_by_label("search", exact=True).fill("no such thing")
    assert visible_rows(page) == []
    assert page.complaints == []


def test_the_gallery_by_keyboard(open_page):
    import kerazoo

    page = open_page("/zoo/")
    page.get_by_role("button", name="weights").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")  # the largest first
    largest = max(kerazoo.list_models(), key=lambda name: kerazoo.info(name).parameters or 0)
    assert visible_rows(page)[0] == largest
    assert page.locator("th[aria-sort]").get_attribute("aria-sort") == "descending"

    page.get_by_label("up").focus()
    page.keyboard.press("Tab")
    said = page.locator(".gallery-point").inner_text()
    name = said.split(":")[0]
    assert f"accuracy {100 * kerazoo.info(name).metrics['accuracy']:.2f} %" in said
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/zoo/{name}/")


@pytest.mark.parametrize("width", [DESKTOP, PHONE])
def test_the_plot_of_the_gallery(open_page, width):
    import kerazoo

    page = open_page("/zoo/", width)
    cards = [kerazoo.info(name) for name in kerazoo.list_models()]
    points = page.locator(".gallery-plot a")
    assert points.count() == sum("accuracy" in card.metrics for card in cards)
    page.get_by_label("across").select_option("size")
    page.get_by_label("up").select_option("time")
    assert points.count() == sum(len(card.files) for card in cards)
    boxes = page.eval_on_selector_all(
        ".gallery-plot svg *", "all => all.map((e) => e.getBoundingClientRect().right)"
    )
    assert max(boxes) <= width
