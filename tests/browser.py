"""A page in headless Chromium, and what the browser noticed while it was open."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
needs_chromium = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="needs chromium and chromedriver"
)
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--force-prefers-reduced-motion",
)  # fmt: skip


class Page:
    """An open page; `browser` is Selenium's driver."""

    def __init__(self, browser: webdriver.Chrome) -> None:
        self.browser = browser

    def resize(self, width: int, height: int = 900) -> None:
        """The size of the page in CSS pixels; a window has a least width, this has none."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    def emulate(self, medium: str = "screen", scheme: str = "light") -> None:
        """Show the page as on this medium, to a reader who prefers this colour scheme."""
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.browser.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"media": medium, "features": [feature]}
        )

    def run(self, script: str, *arguments):
        """The value that a script returns."""
        return self.browser.execute_script(script, *arguments)

    def scroll_to(self, element) -> None:
        """Bring an element to the middle of the window; return when the page has noticed."""
        self.browser.execute_async_script(
            """
            const [element, done] = arguments;
            element.scrollIntoView({block: "center", inline: "center"});
            requestAnimationFrame(() => requestAnimationFrame(() => done()));
            """,
            element,
        )

    def overflow(self) -> int:
        """By how many pixels the page is wider than its window."""
        root = "document.documentElement"
        return self.run(f"return {root}.scrollWidth - {root}.clientWidth")

    def errors(self) -> list[str]:
        """What the console has said since the last call that is an error."""
        return [
            entry["message"]
            for entry in self.browser.get_log("browser")
            if entry["level"] == "SEVERE"
        ]

    def requests(self) -> list[str]:
        """What the page has asked for since the last call, but for itself and what it contains."""
        events = (json.loads(entry["message"]) for entry in self.browser.get_log("performance"))
        sent = (
            event["message"]["params"]["request"]["url"]
            for event in events
            if event["message"]["method"] == "Network.requestWillBeSent"
        )
        own = self.browser.current_url.partition("#")[0]
        return [url for url in sent if url.partition("#")[0] != own and not url.startswith("data:")]


@contextmanager
def opened(path: Path, width: int = 1280) -> Iterator[Page]:
    """The page of an HTML file, `width` CSS pixels wide."""
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    browser = webdriver.Chrome(options, Service(DRIVER))
    try:
        page = Page(browser)
        page.resize(width)
        browser.get(path.as_uri())
        yield page
    finally:
        browser.quit()
