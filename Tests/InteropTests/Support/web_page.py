"""Uses the web page of a seedbox as a person would, in Chromium without a screen.

  web_page.py URL MAGNET HOSTILE SHOTS GO

MAGNET is fetched; HOSTILE is a torrent whose name and files are markup. SHOTS is a folder for
pictures. Prints a JSON object a line: what has been reached. After `complete` it waits for the
file GO, so that what was fetched can be looked at before it is removed.
"""
import json
import os
import sys
import time
import urllib.parse
import urllib.request

from selenium import webdriver
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

PATIENCE = 40


def say(event, **more):
    print(json.dumps({"event": event, **more}), flush=True)


class Page:
    def __init__(self, url, shots):
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage",
                         "--disable-gpu", "--disable-component-update",
                         "--disable-background-networking"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        service = webdriver.ChromeService("/usr/bin/chromedriver")
        self.driver = webdriver.Chrome(options=options, service=service)
        self.url = url
        self.shots = shots
        self.look(1440, 900)
        self.driver.get(url)

    def look(self, width, height, theme="light", phone=False):
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": height, "deviceScaleFactor": 2 if phone else 1,
            "mobile": phone})
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {
            "features": [{"name": "prefers-color-scheme", "value": theme}]})

    def shot(self, name):
        self.driver.save_screenshot(os.path.join(self.shots, f"{name}.png"))

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def ask(self, script):
        """What `script` returns, which may wait and import parts of the page."""
        return self.driver.execute_async_script("""
            const done = arguments[0];
            const part = (name) => import(new URL(name, document.baseURI));
            (async () => {%s})().then(done, (error) => done(String(error)));""" % script)

    def eventually(self, what, holds, patience=PATIENCE):
        """Waits until it holds; a list that changes under our hands is looked at again."""
        ignored = (NoSuchElementException, StaleElementReferenceException)
        try:
            return WebDriverWait(self.driver, patience, 0.1, ignored).until(lambda _: holds())
        except Exception as error:
            self.shot("failed")
            raise SystemExit(f"waited in vain: {what} ({type(error).__name__}); the page says: "
                             f"{self.find('body').text[:2000]!r}") from error

    def find(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector):
        return [one for one in self.driver.find_elements(By.CSS_SELECTOR, selector)
                if one.is_displayed()]

    def press(self, *keys):
        ActionChains(self.driver).send_keys(*keys).perform()

    def click(self, selector, text=None):
        def clicked():
            found = next((one for one in self.all(selector) if text is None or text in one.text),
                         None)
            if found is not None:
                found.click()
            return found is not None
        self.eventually(f"{selector} with {text!r}", clicked)

    def names(self):
        return self.run("return [...document.querySelectorAll('.row:not([hidden]) .name')]"
                        ".map((name) => name.textContent)")

    def row(self, name):
        for row in self.all(".row"):
            if row.find_element(By.CSS_SELECTOR, ".name").text == name:
                return row
        return None

    def state(self, name):
        row = self.row(name)
        return row and row.find_element(By.CSS_SELECTOR, ".state").text

    def choose(self, name):
        def clicked():
            row = self.row(name)
            if row is not None:
                row.find_element(By.CSS_SELECTOR, ".name").click()
            return row is not None
        self.eventually(f"a row {name!r}", clicked)

    def dialog(self):
        return self.find("dialog[open]")

    def closed(self):
        self.eventually("the dialog closes", lambda: not self.all("dialog[open]"))


def add_magnet(page, magnet):
    page.eventually("the list is empty", lambda: "No torrents yet" in page.find("#empty").text)
    page.shot("empty")
    page.press("n")
    page.eventually("the dialog", lambda: page.all("dialog[open] textarea"))
    page.find("dialog textarea").send_keys(magnet)
    page.find("dialog input[placeholder='separated by commas']").send_keys(
        "first, <b onclick=hacked()>label</b>")
    page.shot("add")
    page.click("dialog button.main")
    page.closed()
    page.eventually("a row", lambda: len(page.names()) == 1)
    say("added")


def watch_until_complete(page, name):
    page.choose(name)
    page.click("[data-part=peers]")
    page.eventually("a peer", lambda: "hacked=3" in page.find(".panel").text)
    page.shot("peers")
    page.click("[data-part=pieces]")
    page.eventually("the pieces", lambda: "pieces are here" in page.find(".panel").text)
    page.shot("pieces")
    page.press(Keys.ESCAPE)
    page.eventually("it seeds", lambda: "Seeding" in (page.state(name) or ""), 120)
    page.eventually("all of it", lambda: "100 %" in page.row(name).text)
    page.eventually("its labels", lambda: "<b onclick=hacked()>label</b>" in [
        tag.text for tag in page.row(name).find_elements(By.CSS_SELECTOR, ".tag")])
    say("complete")


def look_at_details(page, name):
    page.choose(name)
    page.click("[data-part=overview]")
    facts = lambda: page.find(".panel").text
    page.eventually("the overview", lambda: "Info-hash" in facts())
    page.shot("overview")
    page.click("[data-part=files]")
    page.eventually("the tree of files", lambda: len(page.all(".tree .line")) > 2)
    page.shot("files")
    page.click("[data-part=trackers]")
    page.eventually("a tracker", lambda: "/announce" in facts())
    change_trackers(page)
    page.click("[data-part=pieces]")
    page.eventually("the pieces", lambda: "pieces are here" in facts())
    drawn = page.run("""const canvas = document.querySelector('.pieces canvas');
        const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
        return new Uint32Array(data.buffer).some((pixel) => pixel !== 0);""")
    assert drawn, "nothing is drawn"
    page.click("[data-part=why]")
    page.eventually("reasons, or none", lambda: facts().strip())
    say("seen")


def change_trackers(page):
    page.click("[data-do=trackers]")
    page.eventually("the trackers", lambda: page.all("dialog[open] textarea"))
    field = page.find("dialog textarea")
    before = field.get_property("value").strip()
    field.send_keys(Keys.CONTROL, Keys.END)
    field.send_keys("\n\nhttp://127.0.0.1:1/second/announce\n")
    page.shot("trackers")
    page.click("dialog button.main")
    page.closed()
    shown = lambda: page.find(".panel").text
    page.eventually("a second tracker", lambda: "1/second/announce" in shown())
    assert before and before in shown(), before
    say("trackers")


def change_files(page, name):
    page.click("[data-part=files]")
    page.eventually("the tree of files", lambda: len(page.all(".tree .line")) > 2)
    line = next(line for line in page.all(".tree .line")
                if line.find_elements(By.CSS_SELECTOR, "select")
                and not line.find_elements(By.CSS_SELECTOR, ".fold"))
    wanted = line.find_element(By.CSS_SELECTOR, "label").text
    line.find_element(By.CSS_SELECTOR, "input").click()
    row = page.run("return document.querySelector('.row[aria-selected=true]').dataset.id")

    def is_unwanted():
        with urllib.request.urlopen(
                urllib.parse.urljoin(page.url, f"api/v1/torrents/{row}/files")) as answer:
            files = json.load(answer)["files"]
        unwanted = [file["path"] for file in files if not file["isWanted"]]
        return len(unwanted) == 1 and unwanted[0].endswith(wanted)
    page.eventually("one file is not wanted", is_unwanted)
    page.eventually("it stays so", lambda: len(page.all(".tree .unwanted")) == 1)
    page.press(Keys.ESCAPE)
    say("changed")


def pause_and_start(page, name):
    page.choose(name)
    page.click("[data-do=pause]")
    page.eventually("it is paused", lambda: page.state(name) == "Paused")
    page.press(Keys.ESCAPE)
    page.click("#filters button", "Paused")
    page.eventually("the filter shows it", lambda: page.names() == [name])
    page.click("#filters button", "Seeding")
    page.eventually("and this one does not", lambda: page.names() == [])
    page.click("#filters button", "All")
    page.choose(name)
    page.press(" ")
    page.eventually("it seeds again", lambda: "Seeding" in (page.state(name) or ""))
    page.press(Keys.ESCAPE)
    say("paused")


def add_hostile(page, hostile):
    page.press("n")
    page.eventually("the dialog", lambda: page.all("dialog[open] textarea"))
    page.find("dialog input[type=file]").send_keys(hostile)
    page.eventually("its files", lambda: len(page.all("dialog .tree .line")) > 1)
    page.shot("choose")
    page.find("dialog").find_element(By.XPATH, ".//label[contains(., 'Add paused')]").click()
    page.click("dialog button.main")
    page.closed()
    page.eventually("two rows", lambda: len(page.names()) == 2)
    name = next(name for name in page.names() if "hacked" in name)
    assert name == "<img src=x onerror=window.hacked=1>", name
    page.choose(name)
    page.click("[data-part=files]")
    page.eventually("its files", lambda: "hacked=2" in page.find(".panel").text)
    page.shot("hostile")
    page.press(Keys.ESCAPE)
    images = page.run("return document.querySelectorAll('main img, main script, main b').length")
    say("inert", hacked=page.run("return window.hacked ?? null"), elements=images)


def look_everywhere(page):
    page.look(1440, 900, "dark")
    page.shot("dark")
    page.look(390, 844, phone=True)
    page.eventually("rows on the phone", lambda: page.all(".row"))
    wide = page.run("return document.documentElement.scrollWidth")
    page.shot("phone")
    page.look(1440, 900)
    say("looked", width=wide)


def alternative_limits(page):
    page.click("#alternative")
    page.eventually("they are on",
                    lambda: page.find("#alternative").get_attribute("aria-pressed") == "true")
    page.click("#settings")
    page.eventually("the settings", lambda: page.all("dialog[open]"))
    field = page.find("dialog").find_element(By.XPATH, ".//input[@type='number']")
    field.clear()
    field.send_keys("512")
    page.shot("settings")
    page.click("dialog button.main")
    page.closed()
    with urllib.request.urlopen(urllib.parse.urljoin(page.url, "api/v1/settings")) as answer:
        limits = json.load(answer)["limits"]
    say("limited", down=limits["down"], alternative=limits["alternative"])
    reset_limit(page)


def reset_limit(page):
    page.click("#settings")
    page.eventually("the settings", lambda: page.all("dialog[open]"))
    down, up = page.find("dialog").find_elements(By.XPATH, ".//input[@type='number']")[:2]
    up.send_keys("77")
    page.click("[data-reset='limits.down']")
    page.eventually("the limit as configured",
                    lambda: not page.all("[data-reset='limits.down']"))
    assert (down.get_attribute("value"), up.get_attribute("value")) == ("", "77")
    page.press(Keys.ESCAPE)
    page.closed()
    with urllib.request.urlopen(urllib.parse.urljoin(page.url, "api/v1/settings")) as answer:
        say("reset", down=json.load(answer)["limits"]["down"])


def queue_places(page):
    """Who is behind one that is removed moves up, though no change of it is told."""
    def places():
        return page.ask("""const { rows } = await part("store.js");
            return [...rows.values()].map((row) => row.queuePosition).sort();""")

    first = page.ask("""const api = await part("api.js");
        const add = (letter) => api.post("torrents",
          { link: letter.repeat(40), startsPaused: true });
        const { id } = await add("a");
        await add("b");
        return id;""")
    page.eventually("four places", lambda: places() == [0, 1, 2, 3])
    page.ask(f"""(await part("api.js")).post("torrents/actions",
        {{ ids: [{first}], action: "remove" }});""")
    page.eventually("three places", lambda: places() == [0, 1, 2])
    page.ask(f"""(await part("api.js")).post("torrents/actions",
        {{ ids: [{first + 1}], action: "remove" }});""")
    page.eventually("two places", lambda: places() == [0, 1])
    say("queued")


def select_all(page):
    ActionChains(page.driver).key_down(Keys.CONTROL).send_keys("a").key_up(Keys.CONTROL).perform()
    page.eventually("both are selected", lambda: page.find("#selected").text == "2 selected")
    page.eventually("the box above them", lambda: page.find("#head input").is_selected())


def remove_all(page):
    page.eventually("two rows", lambda: len(page.names()) == 2)
    select_all(page)
    # The first closes the details, if they are open.
    page.press(Keys.ESCAPE, Keys.ESCAPE)
    page.eventually("none is selected", lambda: not page.find("#head input").is_selected())
    select_all(page)
    page.press(Keys.DELETE)
    page.eventually("the question", lambda: page.all("dialog[open]"))
    page.find("dialog input[type=checkbox]").click()
    page.shot("remove")
    page.click("dialog button.danger")
    page.closed()
    page.eventually("the list is empty", lambda: "No torrents yet" in page.find("#empty").text)
    say("removed")


def main(url, magnet, hostile, shots, go):
    page = Page(url, shots)
    try:
        name = urllib.parse.parse_qs(urllib.parse.urlsplit(magnet).query)["dn"][0]
        add_magnet(page, magnet)
        watch_until_complete(page, name)
        while not os.path.exists(go):
            time.sleep(0.05)
        look_at_details(page, name)
        change_files(page, name)
        pause_and_start(page, name)
        alternative_limits(page)
        add_hostile(page, hostile)
        look_everywhere(page)
        queue_places(page)
        remove_all(page)
        errors = [entry["message"] for entry in page.driver.get_log("browser")
                  if entry["level"] == "SEVERE"]
        say("done", errors=errors)
    finally:
        page.driver.quit()


if __name__ == "__main__":
    main(*sys.argv[1:])
