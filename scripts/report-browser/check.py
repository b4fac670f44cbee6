"""Opens a report in a real headless Chromium and uses it as a person would.

    cargo run --release --example report_demo -- --out report.html
    python scripts/report-browser/check.py report.html [--shots FOLDER] [--least-frames 30]

Needs Python's `playwright` and a Chromium: the one that the variable CHROMIUM names, else `chromium`, `chromium-browser` or
`google-chrome` on the path, else Playwright's own. Without either it prints "skipped: ..." and ends with 77.

Fails on the first thing that does not work, on any message of the browser's console, and on any request that leaves the
file. The report must be the demo's, since what was planted there is looked for. `--shots` writes screenshots at 1440 and 390
pixels, light and dark. Prints one line for each check, and the frames a second while panning and zooming.
"""

import argparse
import os
import pathlib
import shutil
import sys
import time

SKIPPED = 77

try:
    from playwright.sync_api import Error, sync_playwright
except ImportError:
    print("skipped: no playwright")
    sys.exit(SKIPPED)

FRAMES = """async ([zoom, seconds]) => {
  const overlay = document.getElementById('overlay');
  const box = overlay.getBoundingClientRect();
  const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
  const send = (type, dx, dy) => overlay.dispatchEvent(new PointerEvent(type, {pointerId: 1, pointerType: 'mouse', isPrimary: true, bubbles: true, clientX: x + dx, clientY: y + dy}));
  overlay.setPointerCapture = () => {};
  const times = [];
  if (!zoom) send('pointerdown', 0, 0);
  const start = performance.now();
  await new Promise((done) => {
    const step = (now) => {
      times.push(now);
      const t = (performance.now() - start) / 1000;
      if (zoom) overlay.dispatchEvent(new WheelEvent('wheel', {deltaY: Math.sin(4 * t) > 0 ? -30 : 30, clientX: x, clientY: y, bubbles: true, cancelable: true}));
      else send('pointermove', 150 * Math.sin(5 * t), 90 * Math.cos(4 * t));
      if (t < seconds) requestAnimationFrame(step); else done();
    };
    requestAnimationFrame(step);
  });
  if (!zoom) send('pointerup', 0, 0);
  const gaps = times.slice(1).map((time, place) => time - times[place]).sort((a, b) => a - b);
  return {fps: 1000 * gaps.length / (times[times.length - 1] - times[0]), slow: gaps[Math.floor(0.95 * gaps.length)]};
}"""


class Page:
    """One page with its console and its requests watched."""

    def __init__(self, browser, url, **context):
        self.url = url
        self.troubles = []
        self.context = browser.new_context(**context)
        self.context.route("**/*", self.route)
        self.page = self.context.new_page()
        self.page.on("console", lambda message: self.troubles.append(f"console: {message.text}"))
        self.page.on("pageerror", lambda error: self.troubles.append(f"error: {error}"))

    def route(self, route):
        address = route.request.url
        if address.split("#")[0] == self.url or address.startswith("data:"):
            route.continue_()
        else:
            self.troubles.append(f"request: {address}")
            route.abort()

    def open(self, fragment=""):
        self.page.goto(self.url + fragment)
        self.page.wait_for_selector("#atlas:not([hidden])")
        self.page.wait_for_timeout(300)
        return self.page

    def done(self):
        assert not self.troubles, self.troubles
        self.context.close()


def check(name, holds, told=""):
    if not holds:
        raise AssertionError(f"{name}: {told}")
    print(f"ok  {name}{f'  ({told})' if told else ''}")


def painted(page):
    """The colours on the map: how many pixels are not background, and the three commonest colours."""
    return page.evaluate("""() => {
      const canvas = document.getElementById('points');
      const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d', {willReadFrequently: true});
      copy.drawImage(canvas, 0, 0);
      const pixels = new Uint32Array(copy.getImageData(0, 0, canvas.width, canvas.height).data.buffer);
      const counts = new Map();
      for (const pixel of pixels) counts.set(pixel, (counts.get(pixel) || 0) + 1);
      const common = Array.from(counts).sort((a, b) => b[1] - a[1]);
      return {marks: pixels.length - common[0][1], background: common[0][0] & 0xffffff, colours: common.slice(1, 4).map((one) => one[0])};
    }""")


def settle(page):
    page.wait_for_timeout(600)


def shown(page):
    return page.inner_text("#shown")


def selected(page):
    return page.inner_text("#shown").split(",")[-1].strip() if "selected" in shown(page) else ""


def look(page):
    """Hover: some place in the middle of a crowd has a tooltip with a picture."""
    page.locator("#map").evaluate("map => map.scrollIntoView()")
    box = page.locator("#overlay").bounding_box()
    for step in range(400):
        x = box["x"] + box["width"] * (0.2 + 0.6 * (step % 20) / 20)
        y = box["y"] + box["height"] * (0.2 + 0.6 * (step // 20) / 20)
        page.mouse.move(x, y)
        if page.locator("#overlay[data-hover]").count():
            return x, y
    raise AssertionError("no sample under the pointer anywhere")


def desktop(browser, url, least_frames):
    watched = Page(browser, url, viewport={"width": 1440, "height": 900})
    page = watched.open()
    check("the sentence that this is no diagnosis", page.get_by_text("no decision about a patient may rest").is_visible())
    check("the map is painted", painted(page)["marks"] > 2000, painted(page)["marks"])

    x, y = look(page)
    page.wait_for_selector("#tip canvas[data-drawn]")
    check("hover shows picture and name", page.locator("#tip").is_visible(), page.inner_text("#tip").replace("\n", " | "))
    page.mouse.click(x, y)
    check("a click opens the side panel", page.locator("#panel .probabilities li").count() == 3)
    check("similar samples", page.locator("#panel [data-open]").count() > 3, page.locator("#panel [data-open]").count())
    check("histogram bars", page.locator("#panel .bars path.bar").count() == 1)
    first = page.inner_text("#panel h3")
    page.locator("#panel [data-open]").first.click()
    check("a similar sample opens", page.inner_text("#panel h3") != first)
    page.locator("#panel .close").click()
    check("the panel closes", page.locator("#panel").is_hidden())

    before = painted(page)["colours"]
    for colour in ["prediction", "correct", "loss", "cluster", "subset", "m:image_mean", "m:scanner", "bins"]:
        page.select_option("#colour", colour)
        settle(page)
        now = painted(page)
        check(f"colour by {colour}", now["marks"] > 2000 and (now["colours"] != before or colour == "prediction"))
        before = now["colours"]
    page.fill("#bin-low", "40")
    page.fill("#bin-high", "90")
    page.locator("#bin-high").press("Enter")
    settle(page)
    check("a range of bins has a legend", "pixels_count_40..90" in page.inner_text("#legend"), page.inner_text("#legend").split("\n")[0])
    before = painted(page)["marks"]
    page.check("#sized")
    settle(page)
    check("size by loss changes the marks", painted(page)["marks"] != before)
    page.uncheck("#sized")

    page.select_option("#colour", "truth")
    settle(page)
    level = page.locator("#legend button.level").first
    all_shown = shown(page)
    level.click()
    check("the legend hides a class", level.get_attribute("aria-pressed") == "false" and shown(page) != all_shown, shown(page))
    page.locator("#legend button.level").first.click()
    check("and shows it again", shown(page) == all_shown)

    page.click("#filter-button")
    page.select_option("#filters select", "correct")
    page.get_by_label("right", exact=True).first.uncheck()
    page.get_by_label("no label", exact=True).first.uncheck()
    check("a filter by correctness", "wrong" in page.inner_text("#chips"), shown(page))
    page.select_option("#filters select", "m:image_mean")
    page.locator("#filters input").nth(1).fill("90")
    page.locator("#filters input").nth(1).press("Tab")
    check("a filter by a range", page.locator("#chips li").count() == 2, shown(page))
    filtered = shown(page)
    settle(page)
    fragment = page.evaluate("location.hash")
    while page.locator("#chips button").count():
        page.locator("#chips button").first.click()
    page.click("#filter-button")

    page.fill("#query", "person33_")
    page.locator("#query").press("Enter")
    settle(page)
    check("a search finds a patient's samples", "3 selected" in shown(page), shown(page))
    page.keyboard.press("Escape")
    page.locator("#panel .close").click()
    page.click("#zoom-all")
    settle(page)

    page.click("#lasso")
    box = page.locator("#overlay").bounding_box()
    corners = [(0.05, 0.05), (0.5, 0.05), (0.5, 0.95), (0.05, 0.95), (0.05, 0.06)]
    at = [(box["x"] + box["width"] * u, box["y"] + box["height"] * v) for u, v in corners]
    page.mouse.move(*at[0])
    page.mouse.down()
    for corner in at[1:]:
        page.mouse.move(*corner, steps=8)
    page.mouse.up()
    check("a lasso selects many", "selected" in shown(page) and page.locator("#panel .strip").count() > 0, selected(page))
    page.click("#similar")
    found = page.locator("#panel section").last.locator("[data-open]").count()
    check("fetch similar for a group", found > 0, found)
    settle(page)
    lassoed = selected(page)
    address = page.evaluate("location.hash")
    page.keyboard.press("Escape")

    again = Page(browser, url, viewport={"width": 1440, "height": 900})
    restored = again.open(address)
    check("a lasso comes back from the address", selected(restored) == lassoed, f"{lassoed}; {len(address)} characters")
    again.done()
    again = Page(browser, url, viewport={"width": 1440, "height": 900})
    restored = again.open(fragment)
    check("filters come back from the address", shown(restored) == filtered and restored.locator("#chips li").count() == 2)
    again.done()

    page.locator("#insight-0 a.show").click()
    settle(page)
    check("an insight selects its samples", "selected" in shown(page) and "insight=0" in page.evaluate("new Promise((r) => setTimeout(() => r(location.hash), 700))"), selected(page))
    check("and zooms to them", float(page.evaluate("new URLSearchParams(location.hash.slice(1)).get('zoom')").split(",")[0]) > 1.2)
    check("and says what sets them apart", "scanner = scanner C" in page.inner_text("#panel"))
    page.locator("#gallery a.show").first.click()
    settle(page)
    check("the panel shows a heat map", page.locator("#panel .layer.on").count() == 1)
    opacity = "getComputedStyle(document.querySelector('#panel .layer.on')).opacity"
    before = page.evaluate(opacity)
    page.locator("#panel input.heat").fill("20")
    check("its opacity can be set", page.evaluate(opacity) == "0.2" != before, f"{before} to 0.2")
    page.locator("#panel .heat-control select").select_option("1")
    check("signed heat is explained", "speaks for it" in page.inner_text("#panel .large"))

    page.locator("#panel .close").click()
    page.click("#zoom-all")
    settle(page)
    page.locator("#overlay").focus()
    page.keyboard.press("ArrowRight")
    one = page.get_attribute("#overlay", "data-focus")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    two = page.get_attribute("#overlay", "data-focus")
    check("arrows go from sample to sample", one and two and one != two, page.inner_text("#spoken"))
    page.keyboard.press("Enter")
    check("Enter opens", page.locator("#panel").is_visible())
    page.keyboard.press("Escape")
    check("Escape closes", page.locator("#panel").is_hidden())
    page.keyboard.press("+")
    settle(page)
    check("plus zooms", float(page.evaluate("new URLSearchParams(location.hash.slice(1)).get('zoom')").split(",")[0]) > 1.2)
    unnamed = page.evaluate("""() => Array.from(document.querySelectorAll('button, a, input, select, canvas[tabindex]')).filter((e) =>
      e.offsetParent && !(e.getAttribute('aria-label') || e.textContent.trim() || e.closest('label') || e.title)).map((e) => e.outerHTML)""")
    check("everything one can reach has a name", not unnamed, unnamed)

    page.click("#theme")
    settle(page)
    check("dark", painted(page)["background"] == 0x1D1814, hex(painted(page)["background"]))
    page.click("#theme")

    page.emulate_media(media="print")
    hidden = all(page.locator(selector).is_hidden() for selector in ["#toolbar", "nav", "#theme", "#overlay"])
    check("print shows no controls", hidden and page.locator("#points").is_visible())
    page.emulate_media(media="screen")
    page.pdf()

    page.click("#zoom-all")
    for _ in range(2):
        # The first run warms the compiler up.
        pan = page.evaluate(FRAMES, [False, 2.5])
        zoom = page.evaluate(FRAMES, [True, 2.5])
    for name, result in [("pan", pan), ("zoom", zoom)]:
        check(f"{name}: {result['fps']:.1f} frames a second", result["fps"] > least_frames, f"95 % within {result['slow']:.1f} ms")
    watched.done()
    check("no word on the console, no request left the file", True)


def small(browser, url):
    watched = Page(browser, url, viewport={"width": 390, "height": 844}, device_scale_factor=2, has_touch=True, is_mobile=True)
    page = watched.open()
    check("390 px: nothing wider than the page", page.evaluate("document.documentElement.scrollWidth") <= 390, page.evaluate("document.documentElement.scrollWidth"))
    page.locator("#plot").scroll_into_view_if_needed()
    box = page.locator("#overlay").bounding_box()
    page.touchscreen.tap(box["x"] + box["width"] * 0.25, box["y"] + box["height"] * 0.5)
    settle(page)
    sheet = page.locator("#panel").bounding_box()
    check("390 px: a tap opens a sheet at the bottom", sheet and abs(sheet["y"] + sheet["height"] - 844) < 2, sheet)
    watched.done()


def without_script(browser, url):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(url)
    check("without JavaScript: the map says what it needs", page.locator("noscript p").is_visible())
    for text in ["no decision about a patient may rest", "Dark bacteria from scanner C", "Worst samples", "The binder is valid"]:
        check(f"without JavaScript: {text}", page.get_by_text(text).first.is_visible())
    context.close()


def shots(browser, url, folder):
    folder.mkdir(parents=True, exist_ok=True)
    for width, height in [(1440, 900), (390, 844)]:
        for scheme in ["light", "dark"]:
            watched = Page(browser, url, viewport={"width": width, "height": height}, color_scheme=scheme)
            page = watched.open("#colour=truth&size=loss&insight=0")
            page.wait_for_timeout(800)
            page.screenshot(path=folder / f"{width}-{scheme}-insight.png")
            page.locator("#gallery a.show").first.click()
            page.wait_for_timeout(900)
            page.screenshot(path=folder / f"{width}-{scheme}-sample.png")
            page.evaluate("history.replaceState(null, '', '#')")
            page.locator("#panel .close").click()
            page.click("#zoom-all")
            page.wait_for_timeout(600)
            for section in ["headline", "map", "insights", "gallery", "curves", "check"]:
                page.evaluate(f"document.getElementById('{section}').scrollIntoView()")
                page.wait_for_timeout(150)
                page.screenshot(path=folder / f"{width}-{scheme}-{section}.png")
            watched.done()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("report", type=pathlib.Path)
    parser.add_argument("--shots", type=pathlib.Path)
    parser.add_argument("--least-frames", type=float, default=30)
    arguments = parser.parse_args()
    names = ["chromium", "chromium-browser", "google-chrome"]
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    url = arguments.report.resolve().as_uri()
    start = time.monotonic()
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        except Error as error:
            print(f"skipped: no Chromium ({str(error).splitlines()[0]})")
            return SKIPPED
        print(f"Chromium {browser.version}")
        desktop(browser, url, arguments.least_frames)
        small(browser, url)
        without_script(browser, url)
        if arguments.shots:
            shots(browser, url, arguments.shots)
        browser.close()
    print(f"all as it should be, {time.monotonic() - start:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
