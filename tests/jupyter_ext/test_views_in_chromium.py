"""The two views in a real browser, with adapters of made-up data: what is drawn, what keys and
clicks do, that ten thousand hits scroll, that nothing untrusted runs, that axe finds nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from jupyter_ext.widgets.module import results_module, tasks_module

pytestmark = pytest.mark.browser
HERE = Path(__file__).parent
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")
LIGHT = {
    "--jp-layout-color1": "#fff",
    "--jp-ui-font-color1": "rgba(0,0,0,.87)",
    "--jp-border-color2": "#e0e0e0",
    "--jp-brand-color1": "#1976d2",
    "--jp-error-color1": "#d32f2f",
    "--jp-success-color1": "#388e3c",
}
DARK = {**LIGHT, "--jp-layout-color1": "#111", "--jp-ui-font-color1": "#fff"}
DARK |= {"--jp-border-color2": "#424242", "--jp-brand-color1": "#2196f3"}
PAGE = """<!doctype html><html lang=en><meta charset=utf-8><title>view</title>
<link rel=stylesheet href="/ui/look.css"><style>:root{%s} body{background:var(--jp-layout-color1)}
</style><main><div id=a></div></main><script type=module>
import { mountResults } from "/ui/results.js"; import { mountTasks } from "/ui/tasks.js";
import * as fake from "/fake_adapter.js"; const el = document.querySelector("#a");
const hits = (n) => Array.from({ length: n }, (_, i) => fake.hit(i));
Object.assign(window, { fake, hits, el, mountResults, mountTasks, ready: true });
</script>"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed: .ci/setup installs it")
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=20_000)
    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield browser
        browser.close()


Open = Callable[..., Any]


@pytest.fixture
def view(browser: Any) -> Iterator[Open]:
    """``view("mountResults(…)")``: a page on which that ran. No script may have thrown."""
    errors: list[str] = []
    pages: list[Any] = []

    def opened(script: str, theme: dict[str, str] = LIGHT, width: int = 1000) -> Any:
        page = browser.new_page(viewport={"width": width, "height": 900})
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        style = ";".join(f"{name}:{value}" for name, value in theme.items())
        page.route("**/*", lambda route: _serve(route, PAGE % style))
        page.goto("http://view.test/")
        page.wait_for_function("window.ready")
        page.evaluate(f"() => {{ {script} }}")
        pages.append(page)
        return page

    yield opened
    for page in pages:
        page.close()
    assert errors == []


def _serve(route: Any, page: str) -> None:
    path = route.request.url.removeprefix("http://view.test")
    if path == "/":
        route.fulfill(body=page, content_type="text/html")
    elif path == "/fake_adapter.js":
        route.fulfill(body=(HERE / "fake_adapter.js").read_text(), content_type="text/javascript")
    elif path == "/joined.js":
        route.fulfill(body=route.request.headers["x-module"], content_type="text/javascript")
    elif (file := files("jupyter_ext") / path.lstrip("/")).is_file():
        kind = "text/css" if path.endswith(".css") else "text/javascript"
        route.fulfill(body=file.read_text("utf-8"), content_type=kind)
    else:
        route.abort()


RESULTS = "window.a = fake.resultsAdapter(hits(%d), %s); window.stop = mountResults(el, a, %s)"


def results(count: int = 24, adapter: str = "{}", options: str = "{}") -> str:
    return RESULTS % (count, adapter, options)


def selected(page: Any) -> list[str]:
    return page.evaluate("a.get().selected")


def test_hits_say_what_was_found_where_and_why(view: Open) -> None:
    page = view(results())
    card = page.locator('[role=option][aria-posinset="2"]')
    assert "video-00001.mp4" in card.inner_text()
    assert "▶ 0:42–0:47" in card.inner_text()
    assert "words 6.2" in card.inner_text()
    assert card.locator("mark").all_inner_texts()[:2] == ["harbour", "wall"]
    page.locator("img").nth(5).wait_for()
    assert page.locator("mark", has_text="the").count() == 0
    assert "24 hits" in page.locator("[role=status]").inner_text()


def test_a_card_keeps_its_place_while_pictures_come_or_do_not(view: Open) -> None:
    page = view(results(adapter="{ delay: 200 }"))
    boxes = (
        "[...document.querySelectorAll('[role=option]')]"
        ".map(n => JSON.stringify(n.getBoundingClientRect()))"
    )
    before = page.evaluate(boxes)
    page.locator("img").nth(3).wait_for()
    assert page.evaluate(boxes) == before
    page = view(results(adapter="{ pictures: false }"))
    page.locator('[aria-posinset="2"] .mixpeek-passage').wait_for()
    assert page.evaluate(boxes) == before


def test_ten_thousand_hits_scroll_and_only_what_is_seen_is_drawn(view: Open) -> None:
    page = view(results(10_000, "{ page: 10000 }", "{ height: 'auto' }"))
    assert page.locator("[role=option]").count() < 100
    frames = page.evaluate("""async () => {
      const box = document.querySelector("[role=listbox]");
      const times = []; let last = performance.now();
      for (let i = 0; i < 120; i += 1) {
        box.scrollTop += 1500;
        await new Promise(requestAnimationFrame);
        const now = performance.now(); times.push(now - last); last = now;
      }
      return { times: times.sort((a, b) => a - b), top: box.scrollTop };
    }""")
    assert frames["top"] > 150_000
    times = frames["times"]
    print(f"frames: median {times[60]:.1f} ms, 95 % {times[114]:.1f} ms, worst {times[-1]:.1f} ms")
    assert times[60] < 50, "the median frame"
    page.keyboard.press("Tab")
    page.locator("[role=listbox]").focus()
    page.keyboard.press("End")
    page.locator('[aria-posinset="10000"]').wait_for()
    assert page.locator("[role=option]").count() < 100
    asked = page.evaluate("a.calls.filter(c => c[0] === 'thumbnail').length")
    # some 4,500 flew by; on a slow machine a frame lasts long enough to ask for what it shows
    assert asked < 2_000, "pictures that only flew by are not asked for"


def test_keys_move_select_open_and_close(view: Open) -> None:
    page = view(results())
    box = page.locator("[role=listbox]")
    box.focus()
    named = "document.querySelector('[role=listbox]').getAttribute('aria-activedescendant')"
    active = f"document.getElementById({named}).dataset.index"
    assert page.evaluate(active) == "0"
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    page.keyboard.press("ArrowDown")
    columns = int(page.evaluate(active)) - 1
    assert columns >= 4
    page.keyboard.press("Shift+ArrowRight")
    assert selected(page) == ["doc_1", f"doc_{columns + 1}", f"doc_{columns + 2}"]
    assert page.locator('[aria-selected="true"]').count() == 3
    page.keyboard.press("Enter")
    page.get_by_role("region", name="The hit").wait_for()
    page.keyboard.press("Escape")
    assert page.get_by_role("region", name="The hit").count() == 0
    assert page.evaluate("document.activeElement.getAttribute('role')") == "listbox"
    page.keyboard.press("Control+a")
    assert len(selected(page)) == 24
    page.get_by_role("button", name="24 selected, clear").click()
    assert selected(page) == []


def test_a_click_opens_and_the_tick_selects(view: Open) -> None:
    page = view(results())
    page.locator('[data-index="2"]').click()
    detail = page.get_by_role("region", name="The hit")
    detail.locator(".mixpeek-here").wait_for()
    mark = detail.locator(".mixpeek-here").bounding_box()
    whole = detail.locator(".mixpeek-page img").bounding_box()
    assert (mark["x"] - whole["x"]) / whole["width"] == pytest.approx(0.12, abs=0.02)
    assert (mark["y"] - whole["y"]) / whole["height"] == pytest.approx(0.40, abs=0.02)
    assert "words 6.1" in detail.inner_text()
    page.locator('[data-index="1"] .mixpeek-tick').click()
    page.locator('[data-index="0"]').click(modifiers=["Shift"])
    assert sorted(selected(page)) == ["doc_0", "doc_1"]
    detail.get_by_role("button", name="More like this").click()
    page.get_by_text("like trip/day 2/document-00002.pdf").wait_for()
    assert page.evaluate("a.calls.at(-1)") != ["more"]
    assert page.evaluate("a.get().like.document_id") == "doc_2"


def test_a_recording_plays_from_where_it_was_found(view: Open) -> None:
    page = view(results(adapter="{ media: '/nothing.mp4' }"))
    page.locator('[data-index="1"]').click()
    source = page.locator("video").get_attribute("src")
    assert source == "/nothing.mp4#t=42,47"
    page.get_by_text("The browser cannot play this file.").wait_for()
    page = view(results())
    page.locator('[data-index="1"]').click()
    page.get_by_text("It can be played where").wait_for()
    assert page.locator("video").count() == 0


def test_facets_refine_by_a_new_search_and_keep_their_counts(view: Open) -> None:
    page = view(results(50))
    page.get_by_role("button", name="video 10").click()
    page.get_by_text("10 hits").first.wait_for()
    assert page.evaluate("a.calls.filter(c => c[0] === 'search').at(-1)[1].refine.kinds") == [
        "video"
    ]
    assert page.locator('[data-key="kind:video"]').evaluate("n => n === document.activeElement")
    page.get_by_role("button", name="image 10").click()
    page.get_by_text("20 hits").first.wait_for()
    page.get_by_label("label").select_option("boat")
    page.get_by_text("5 hits").first.wait_for()
    page.get_by_label("date").select_option("2026-08")
    refine = page.evaluate("a.get().refine")
    assert refine["since"] == "2026-08-01T00:00:00Z"
    assert refine["until"] == "2026-09-01T00:00:00Z"
    page.get_by_role("button", name="all 50").click()
    page.get_by_text("50 hits").first.wait_for()


def test_more_hits_come_at_the_end_and_nothing_jumps(view: Open) -> None:
    page = view(results(130))
    box = page.locator("[role=listbox]")
    page.get_by_role("button", name="More hits").click()
    page.get_by_text("100 hits").first.wait_for()
    box.evaluate("n => { n.scrollTop = 900 }")
    before = box.evaluate("n => n.scrollTop")
    page.get_by_role("button", name="More hits").click()
    page.get_by_text("130 hits").first.wait_for()
    assert box.evaluate("n => n.scrollTop") == before
    assert page.get_by_role("button", name="More hits").count() == 0


def test_nothing_untrusted_runs_and_an_error_is_a_sentence(view: Open) -> None:
    evil = "<img src=x onerror=window.hacked=1>"
    page = view(
        f"const e = `{evil}`;"
        "const one = fake.hit(0, { object_name: e, text: e + ' goat', labels: [e], "
        "mime: e, bucket: e, collection: e, payload: { kind: e } });"
        "window.a = fake.resultsAdapter([one, fake.hit(1)], { pictures: false });"
        "a.set({ warnings: [e], query: e + ' goat' }); mountResults(el, a, { searchBox: true })"
    )
    page.locator('[data-index="0"]').click()
    page.get_by_role("region", name="The hit").wait_for()
    page.get_by_role("searchbox").fill("refuse")
    page.keyboard.press("Enter")
    alert = page.get_by_role("alert")
    assert alert.inner_text() == "The service refused: <b>no</b>"
    assert page.evaluate("window.hacked") is None
    assert page.locator("img").count() == 0


TASKS = "window.a = fake.tasksAdapter(%s); window.stop = mountTasks(el, a)"


def test_a_running_task_says_what_is_known_and_what_is_not(view: Open) -> None:
    page = view(TASKS % "[fake.task(1)]")
    row = page.locator('[data-collection="trip.image"]')
    assert row.inner_text().split("\n") == ["image", "1,207 / 1,690", "312/s", "2 s", "3 failed"]
    video = page.locator('[data-collection="trip.video"]').inner_text().split("\n")
    assert video == ["video", "0 / ?", "–", "unknown", "none"]
    assert row.get_by_role("progressbar").get_attribute("aria-valuenow") == "1207"
    assert "Interrupting this cell stops the waiting" in page.inner_text("main")


def test_buttons_are_those_of_the_state_and_keep_the_focus(view: Open) -> None:
    page = view(TASKS % "[fake.task(1), fake.ended(2, 'COMPLETED_WITH_ERRORS', 3)]")
    names = (
        "[...document.querySelectorAll('[data-task=\"%s\"] [data-verb]')].map(n => n.textContent)"
    )
    assert page.evaluate(names % "tsk_0001") == ["Pause", "Cancel"]
    assert page.evaluate(names % "tsk_0002") == ["Retry"]
    page.get_by_role("button", name="Pause").focus()
    page.keyboard.press("Enter")
    page.wait_for_function("a.calls.length === 1")
    assert page.evaluate("a.calls") == [["tsk_0001", "pause"]]
    page.evaluate("a.set([fake.task(1, { state: 'PAUSED' }), a.get().tasks[1]])")
    page.get_by_role("button", name="Resume").wait_for()
    assert page.evaluate("document.activeElement.textContent") == "Resume"
    assert "ingest trip1: paused" in page.locator("[role=status]").inner_text()
    page.get_by_role("button", name="Retry").click()
    page.wait_for_function("a.calls.length === 2")


def test_failures_come_on_demand_and_stay_open(view: Open) -> None:
    page = view(TASKS % "[fake.task(1)]")
    button = page.get_by_role("button", name="3 failed")
    button.click()
    page.get_by_text("copy it again from the camera").wait_for()
    assert page.evaluate("window.hacked") is None
    page.evaluate("a.set([fake.task(1, { requested: 'cancel' })])")
    page.get_by_text("canceling").first.wait_for()
    assert button.get_attribute("aria-expanded") == "true"
    assert page.locator("[data-verb]").count() == 0


def test_a_refused_click_is_told(view: Open) -> None:
    page = view("window.a = fake.tasksAdapter([fake.task(1)], { refuse: true }); mountTasks(el, a)")
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("alert").get_by_text("it has ended already").wait_for()


def test_ten_thousand_tasks_do_not_freeze(view: Open) -> None:
    page = view("window.many = Array.from({ length: 10000 }, (_, i) => fake.ended(i, 'COMPLETED'))")
    spent = page.evaluate(
        "() => { const at = performance.now(); window.a = fake.tasksAdapter(many);"
        "mountTasks(el, a); el.offsetHeight; return performance.now() - at }"
    )
    assert spent < 1000
    page.get_by_role("button", name="9,950 more").click()
    page.wait_for_function("document.querySelectorAll('[data-task]').length === 100")


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_axe_finds_nothing_serious(view: Open, theme: dict[str, str]) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page = view(results(options="{ searchBox: true }"), theme)
    page.locator('[data-index="2"]').click()
    page.locator('[data-index="1"] .mixpeek-tick').click()
    page.evaluate(
        "() => { const second = document.createElement('div');"
        "document.querySelector('main').append(second); mountTasks(second, "
        "fake.tasksAdapter([fake.task(1), fake.ended(2, 'FAILED'),"
        " fake.ended(3, 'COMPLETED_WITH_ERRORS', 3)])) }"
    )
    page.get_by_role("button", name="3 failed").first.click()
    page.get_by_text("copy it again from the camera").wait_for()
    found = Axe().run(page).response["violations"]
    serious = [
        (rule["id"], [node["html"][:160] for node in rule["nodes"]])
        for rule in found
        if rule["impact"] in ("serious", "critical")
    ]
    assert serious == []


def test_a_narrow_view_has_no_sideways_scroll(view: Open) -> None:
    page = view(results(), width=340)
    assert page.evaluate("document.documentElement.scrollWidth") <= 340
    page.locator('[data-index="1"]').click()
    assert page.evaluate("document.documentElement.scrollWidth") <= 340
    page.get_by_role("button", name="Close").click()


def test_unmount_leaves_nothing(view: Open) -> None:
    page = view(results())
    page.locator("img").first.wait_for()
    page.evaluate("() => { stop(); stop(); a.set({ busy: true }) }")
    assert page.evaluate("el.childElementCount") == 0


@pytest.mark.parametrize("module", [results_module, tasks_module])
def test_a_widgets_module_is_one_that_loads(view: Open, module: Callable[[], str]) -> None:
    text = module()
    assert len(text.encode()) < 40_000, "each widget of a notebook carries it"
    page = view("")
    kind = page.evaluate(
        """async (text) => {
          const url = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
          return typeof (await import(url)).default.render;
        }""",
        text,
    )
    assert kind == "function"


def test_the_views_keep_the_types_that_adapters_rely_on() -> None:
    root = Path(str(files("jupyter_ext")))
    compiler = root / "labextension/node_modules/.bin/tsc"
    if not compiler.exists():
        pytest.skip("TypeScript is not installed: the build of the labextension installs it")
    done = subprocess.run(
        [str(compiler), "-p", str(root / "ui/tsconfig.json")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == ""
