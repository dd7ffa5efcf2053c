"""A headless Chromium for the tests: what it asked for, what it complained of, what it looks like."""

import importlib.util
import json
import pathlib
import time

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

# Statuses that the tests bring about on purpose; Chromium logs each.
EXPECTED = ("status of 401", "status of 403", "status of 412", "status of 422")
WIDE, PHONE, HEIGHT, LONGEST = 1280, 390, 900, 4000


def axe_script():
    folder = importlib.util.find_spec("axe_playwright_python").submodule_search_locations[0]
    return (pathlib.Path(folder) / "axe.min.js").read_text(encoding="utf-8")


class Browser:
    def __init__(self, url, pictures):
        options = Options()
        options.binary_location = "/usr/bin/chromium"
        for argument in ["headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage",
                         "hide-scrollbars", "disable-background-networking", "no-first-run",
                         f"window-size={WIDE},{HEIGHT}", "lang=en"]:
            options.add_argument(f"--{argument}")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
        self.driver.set_script_timeout(30)
        self.url = url
        self.pictures = pathlib.Path(pictures)
        self.pictures.mkdir(parents=True, exist_ok=True)
        self.axe = axe_script()
        self.asked = []
        self.complaints = []

    def quit(self):
        self.driver.quit()

    def open(self, path):
        self.driver.get(self.url + path)

    def find(self, selector, within=None):
        return (within or self.driver).find_element(By.CSS_SELECTOR, selector)

    def all(self, selector, within=None):
        return (within or self.driver).find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector):
        return self.find(selector).text

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def type(self, selector, text, within=None):
        field = self.find(selector, within)
        field.clear()
        field.send_keys(text)

    def click(self, selector, within=None):
        element = self.find(selector, within)
        self.run("arguments[0].scrollIntoView({block: 'center'})", element)
        element.click()

    def wait(self, what, condition, seconds=15):
        """Until `condition` is true of something; what it is true of is given back."""
        end = time.monotonic() + seconds
        problem = None
        while time.monotonic() < end:
            try:
                found = condition()
                if found:
                    return found
            except Exception as error:  # The page may be changing just now.
                problem = error
            time.sleep(0.05)
        raise AssertionError(f"never came: {what} ({problem})")

    def emulate(self, width=WIDE, dark=False, height=HEIGHT):
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce"}]})
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": False})

    def picture(self, name):
        """The whole page as it stands, light, dark and phone-wide, each without anything cut off."""
        for kind, width, dark in [("light", WIDE, False), ("dark", WIDE, True), ("phone", PHONE, False)]:
            self.emulate(width, dark)
            length = self.run("return document.documentElement.scrollHeight")
            self.emulate(width, dark, min(length, LONGEST))
            self.driver.save_screenshot(str(self.pictures / f"{name}-{kind}.png"))
            spill = self.run("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert spill <= 0, f"{name}, {kind}: {spill} pixels stand out at the side"
        self.emulate()

    def check_access(self, name):
        """axe-core's rules for WCAG 2.2 A and AA, in light and dark."""
        for dark in [False, True]:
            self.emulate(dark=dark)
            self.run(self.axe)
            found = self.driver.execute_async_script("""
                const done = arguments[arguments.length - 1];
                axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })
                  .then((result) => done(result.violations.map((rule) => (
                    rule.id + ': ' + rule.nodes.map((node) => node.target.join(' ') + ' ' + node.failureSummary).join('; ')))),
                    (error) => done([String(error)]));""")
            assert not found, f"{name}, {'dark' if dark else 'light'}: " + "\n".join(found)
        self.emulate()

    def tab_order(self, count):
        """What the tab key reaches first, and whether one can see that it is there."""
        self.run("document.activeElement?.blur(); window.scrollTo(0, 0)")
        reached = []
        for _ in range(count):
            self.driver.execute_cdp_cmd("Input.dispatchKeyEvent", {"type": "keyDown", "key": "Tab", "code": "Tab",
                                                                   "windowsVirtualKeyCode": 9})
            self.driver.execute_cdp_cmd("Input.dispatchKeyEvent", {"type": "keyUp", "key": "Tab", "code": "Tab",
                                                                   "windowsVirtualKeyCode": 9})
            word, outline = self.run("""
                const focused = document.activeElement;
                const style = getComputedStyle(focused);
                return [focused.id || focused.textContent.trim(), style.outlineStyle + ' ' + style.outlineWidth];""")
            assert outline.startswith("solid") and not outline.endswith(" 0px"), f"{word} has no visible focus: {outline}"
            reached.append(word)
        return reached

    def weight(self):
        """Bytes of the page and all that it loaded, as they are without compression."""
        return self.run("""
            return [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
              .filter((entry) => entry.initiatorType !== 'fetch' && !entry.name.includes('/v1/'))
              .reduce((sum, entry) => sum + entry.decodedBodySize, 0);""")

    def gather(self):
        """Takes in what the browser has logged so far."""
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                self.asked.append(message["params"]["request"]["url"])
        for entry in self.driver.get_log("browser"):
            is_expected = entry["source"] == "network" and any(word in entry["message"] for word in EXPECTED)
            if not is_expected:
                self.complaints.append(entry["message"])
