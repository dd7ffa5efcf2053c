"""Uses the pages as people do: `browser_tests.py PATH-TO-DEV.JSON FOLDER-FOR-PICTURES`."""

import http.client
import json
import random
import re
import statistics
import sys
import time
import urllib.parse

from browser import Browser
from hub import Hub, Run

GPUS = [("NVIDIA GeForce RTX 4090", 24, 14, 0.6), ("NVIDIA GeForce RTX 3060", 12, 11, 0.22),
        ("NVIDIA A100", 80, 5, 1.4), ("AMD Instinct MI300X", 192, 2, 2.4)]
REGIONS = ["eu", "eu", "us-east", "us-west", "ap-south"]
# Names that would do harm where they are taken for markup.
HOSTILE = "<img src=x onerror=\"document.title='harmed'\">"
PAGE_BYTES = 100_000

hub = Hub(sys.argv[1])
run = Run()
browser = Browser(hub.url, sys.argv[2])


def populate():
    chance = random.Random(4)
    number = 0
    for gpu, vram, count, price in GPUS:
        for _ in range(count):
            number += 1
            key = hub.register(
                f"gpu-{number:02}", gpu_name=gpu, gpu_count=chance.choice([1, 1, 2]), gpu_vram_gb=vram, ram_gb=64,
                cpu_cores=16, region=chance.choice(REGIONS), accel=["cuda"] if "NVIDIA" in gpu else ["rocm"],
                max_parallel=4, price_token_per_ksec=f"{price * chance.uniform(0.6, 1.5):.4f}",
                capabilities=["meta-llama/Llama-3.1-8B-Instruct"], tags=["datacenter"])
            beat = {"queue_len": chance.randrange(3), "avg_latency_ms": round(chance.uniform(20, 300), 1)}
            hub.ask("POST", "/v1/miners/heartbeat", beat, key)
    for kind, outcome in enumerate(["completed", "completed", "failed", "completed", "accepted"]):
        hub.ask("POST", "/v1/feedback", {"job_id": f"job-{kind}", "miner_id": "gpu-01", "outcome": outcome},
                hub.coordinator)
    for number in range(60):
        hub.ask("POST", "/v1/match", {"job_id": f"job-{number}", "explain": "full",
                                      "requirements": {"min_vram_gb": chance.choice([8, 16, 48])},
                                      "hints": {"region": chance.choice(REGIONS + [""])}}, hub.coordinator)
    hub.register("hostile", gpu_name=HOSTILE, region="<b>region</b>", tags=[HOSTILE], capabilities=[HOSTILE],
                 addr="<i>host</i>", gpu_vram_gb=1)
    return hub.register("my-miner", gpu_name="NVIDIA GeForce RTX 3060", gpu_count=1, gpu_vram_gb=12, ram_gb=32,
                        cpu_cores=8, accel=["cuda"], region="home", max_parallel=4, price_token_per_ksec="0.3")


# The pool's page.


def metrics(name, label=None):
    """A metric's values by one of its labels, or its one value."""
    text = hub.ask("GET", "/v1/metrics").body.decode()
    found = {}
    for labels, value in re.findall(rf"^{name}(\{{[^\n]*\}})? (\S+)$", text, re.M):
        word = re.search(rf'{label}="((?:[^"\\]|\\.)*)"', labels)
        found[word.group(1) if label and word else ""] = float(value)
    return found


def bars(list_id):
    rows = browser.run("""
        return [...document.querySelectorAll(`#${arguments[0]} li`)].map((row) => (
          [row.querySelector('.label').textContent, row.querySelector('.amount').textContent]));""", list_id)
    return {label: float(text.replace(",", "")) for label, text in rows}


def rows(body_id):
    return browser.run("""
        return [...document.querySelectorAll(`#${arguments[0]} tr`)].map((row) => (
          [...row.children].map((cell) => cell.textContent)));""", body_id)


def pool_equals_metrics():
    browser.open("/")
    count = sum(gpu[2] for gpu in GPUS) + 2
    # Scorers tell ten times a second how many there are.
    browser.wait("all miners", lambda: hub.ask("GET", "/v1/health").json["miners_online"] == count)
    browser.wait("the count of miners", lambda: browser.text("#online") == str(count))
    browser.wait("regions", lambda: bars("regions") == metrics("poolhub_miners_online", "region"))
    browser.wait("rejections", lambda: {k: v for k, v in bars("rejections").items() if v}
                 == {k: v for k, v in metrics("poolhub_match_rejections_total", "reason").items() if v})
    assert sum(bars("rejections").values()) > 100
    scorers = metrics("poolhub_scorer_miners_online", "scorer")
    browser.wait("scorers", lambda: {row[0]: float(row[4]) for row in rows("scorers")} == scorers)
    browser.wait("latency", lambda: re.fullmatch(r"[\d.]+ (µs|ms|s)", browser.text("#p99")))
    assert browser.text("#state") == "All is well"


def survey_equals_registry():
    browser.wait("a survey", lambda: len(rows("gpus")) == len(GPUS) + 1)
    shown = {row[0]: int(row[1]) for row in rows("gpus")}
    assert shown == {**{gpu[0]: gpu[2] for gpu in GPUS}, HOSTILE: 1, GPUS[1][0]: GPUS[1][2] + 1}, shown
    miners = hub.ask("GET", "/v1/miners?limit=1000", bearer=hub.operator).json["miners"]
    for row in rows("gpus"):
        prices = sorted(m["price_token_per_ksec"] for m in miners if m["gpu_name"] == row[0])
        rank = [max(1, -(-part * len(prices) // 100)) - 1 for part in (10, 50, 90)]
        assert [float(text) for text in row[3:6]] == [prices[r] for r in rank], row


def pool_is_live():
    hub.ask("POST", "/v1/match", {"job_id": "live", "requirements": {"min_vram_gb": 100_000}}, hub.coordinator)
    browser.wait("the rejections to grow", lambda: {k: v for k, v in bars("rejections").items() if v}
                 == {k: v for k, v in metrics("poolhub_match_rejections_total", "reason").items() if v})
    before = browser.run("return document.body.dataset.at")
    browser.wait("the next second", lambda: browser.run("return document.body.dataset.at") > before)


def viewers_are_bounded():
    """One gateway has 256 places; who comes later is told to ask, and a place that is left is free again."""
    open_ones, refused = [], None
    host = urllib.parse.urlsplit(hub.url)
    try:
        while refused is None and len(open_ones) < 300:
            viewer = http.client.HTTPConnection(host.hostname, host.port, timeout=20)
            open_ones.append(viewer)
            viewer.request("GET", "/v1/pool/events")
            answer = viewer.getresponse()
            if answer.status == 503:
                refused = answer
        assert 200 < len(open_ones) <= 257, len(open_ones)
        assert refused.headers["Retry-After"] and json.load(refused)["code"] == "overloaded"
    finally:
        for viewer in open_ones:
            viewer.close()

    def is_free():
        viewer = http.client.HTTPConnection(host.hostname, host.port, timeout=20)
        viewer.request("GET", "/v1/pool/events")
        status = viewer.getresponse().status
        viewer.close()
        return status == 200
    browser.wait("a free place", is_free)


def pages_are_quick():
    for path in ["/", "/services", "/docs", "/pages/pool.js", "/v1/pool"]:
        times = []
        for _ in range(40):
            started = time.perf_counter()
            hub.ask("GET", path)
            times.append(time.perf_counter() - started)
        assert statistics.median(times) < 0.005, (path, statistics.median(times))


def operator_signs_in():
    browser.type("#secret", "not the secret at all")
    browser.click("#signin button")
    browser.wait("a refusal", lambda: "not the operator" in browser.text("#signin-problem"))
    assert browser.run("return document.activeElement.id") == "secret"
    assert not browser.find("#operator").is_displayed()
    browser.type("#secret", hub.operator)
    browser.click("#signin button")
    browser.wait("the operator's part", lambda: browser.find("#operator").is_displayed())
    kept = browser.run("return [location.href, document.cookie, localStorage.length, sessionStorage.length]")
    assert hub.operator not in kept[0] and kept[1:] == ["", 0, 0], kept


def explorer_equals_match():
    browser.type("#x-region", "eu")
    browser.type("#x-vram", "12")
    browser.type("#x-accel", "cuda")
    browser.type("#x-price", "0.9")
    browser.type("#x-top", "4")
    browser.click("#explorer button.main")
    browser.wait("candidates", lambda: browser.all("#x-candidates tr"))
    answer = hub.ask("POST", "/v1/match", {
        "job_id": "explorer", "requirements": {"min_vram_gb": 12, "accel": ["cuda"]},
        "hints": {"region": "eu", "max_price": "0.9"}, "top_k": 4, "explain": "full"}, hub.coordinator).json
    shown = browser.run("""
        return [...document.querySelectorAll('#x-candidates tr')].map((row) => [row.dataset.miner,
          row.querySelector('.amount').textContent,
          [...row.querySelectorAll('.stack i')].map((part) => parseFloat(part.style.width))]);""")
    assert [row[:2] for row in shown] == [[c["miner_id"], f"{c['score']:.3f}"] for c in answer["candidates"]], shown
    for (_, _, parts), candidate in zip(shown, answer["candidates"]):
        assert abs(sum(parts) - 100 * candidate["score"]) < 0.1, (parts, candidate)
    assert bars("x-rejected") == answer["rejected"], (bars("x-rejected"), answer["rejected"])
    assert f"{answer['considered']} miners {answer['eligible']} fit" in browser.text("#x-counts")


def explorer_tells_faults():
    browser.type("#x-top", "77")
    browser.click("#explorer button.main")
    browser.wait("the fault", lambda: "top_k must be from 1 to 50" in browser.text("#x-problem"))
    browser.type("#x-top", "3")
    browser.click("#explorer button.main")
    browser.wait("an answer", lambda: len(browser.all("#x-candidates tr")) == 3)


def miners_are_found():
    browser.type("#m-q", "gpu-01")
    browser.click("#search button")
    browser.wait("the miner", lambda: [row[0] for row in rows("miners")] == ["gpu-01"])
    browser.click("#miners button")
    browser.wait("its page", lambda: browser.text("#miner-title") == "gpu-01")
    status = hub.ask("GET", "/v1/miners/status", bearer="key-of-gpu-01-0123456789").json
    assert f"{status['trust_score']:.3f}" in browser.text("#miner-trust")
    reports = [row[2:4] for row in rows("miner-feedback")]
    assert reports == [[f"job-{n}", o] for n, o in reversed(list(enumerate(
        ["completed", "completed", "failed", "completed", "accepted"])))], reports


def issue_key(**fields):
    answer = hub.ask("POST", "/v1/keys", fields, hub.operator)
    assert answer.status == 200, answer
    return answer.json


def keys_are_shown():
    live = issue_key(kind="coordinator", coordinator="pages", label="of the pages' test")
    unused = issue_key(kind="miner", label="rack 7")
    browser.type("#k-owner", "pages")
    browser.click("#k-search button")
    browser.wait("its key", lambda: [row[:3] for row in rows("keys")]
                 == [[live["key_id"] + "of the pages' test", "coordinator", "pages"]])
    assert rows("keys")[0][5] == "live"
    browser.find("#k-owner").clear()
    browser.run("document.getElementById('k-kind').value = 'miner'")
    browser.click("#k-search button")
    browser.wait("a page of miners' keys", lambda: len(rows("keys")) == 25)
    browser.click("#k-more")
    listed = hub.ask("GET", "/v1/keys?kind=miner&limit=1000", bearer=hub.operator).json["keys"]
    browser.wait("all of them", lambda: [row[0] for row in rows("keys")]
                 == [key["key_id"] + key["label"] for key in listed])
    shown = next(row for row in rows("keys") if row[0].startswith(unused["key_id"]))
    assert shown[2] == "nobody yet", shown
    browser.run("[...document.querySelectorAll('#keys button')].find((each) => each.textContent === 'gpu-02').click()")
    browser.wait("its owner", lambda: browser.text("#miner-title") == "gpu-02")
    browser.click("#miner-close")
    page = browser.run("return document.documentElement.outerHTML")
    assert live["key"] not in page and unused["key"] not in page


def key_is_revoked():
    """Asked for twice; and whoever holds it is refused."""
    issued = issue_key(kind="coordinator", coordinator="doomed")
    match = {"job_id": "j"}
    assert hub.ask("POST", "/v1/match", match, issued["key"]).status == 200
    browser.run("document.getElementById('k-kind').value = ''")
    browser.type("#k-owner", "doomed")
    browser.click("#k-search button")
    browser.wait("its key", lambda: [row[2] for row in rows("keys")] == ["doomed"])
    browser.click("#keys button")
    browser.wait("the question", lambda: browser.find("#revoke").is_displayed())
    assert issued["key_id"] in browser.text("#revoke") and "doomed is refused" in browser.text("#revoke")
    browser.check_access("the question")
    browser.picture("operator-revoke")
    browser.click("#revoke-no")
    browser.wait("no question", lambda: not browser.find("#revoke").is_displayed())
    assert hub.ask("POST", "/v1/match", match, issued["key"]).status == 200
    browser.click("#keys button")
    browser.click("#revoke-yes")
    browser.wait("it is revoked", lambda: rows("keys")[0][5].startswith("revoked"))
    assert not browser.find("#revoke").is_displayed() and not browser.all("#keys button")
    assert hub.ask("POST", "/v1/match", match, issued["key"]).status == 401
    browser.find("#k-owner").clear()
    browser.click("#k-search button")
    browser.wait("a page", lambda: len(rows("keys")) == 25)


def hostile_names_are_text():
    browser.type("#m-q", "hostile")
    browser.click("#search button")
    browser.wait("the miner", lambda: [row[0] for row in rows("miners")] == ["hostile"])
    assert rows("miners")[0][2:4] == ["<b>region</b>", HOSTILE]
    browser.click("#miners button")
    browser.wait("its page", lambda: browser.text("#miner-title") == "hostile")
    assert HOSTILE in browser.text("#miner-profile")
    assert browser.run("return document.title") == "Pool Hub"
    assert browser.run("return document.querySelectorAll('main img, main b:empty + b, main i > i').length") == 0
    browser.click("#miner-close")


# The services' page.


def sign_in(key):
    browser.type("#key", key)
    browser.click("#signin button")


def card(service):
    return browser.find(f"[data-service={service}]")


def field(service, name):
    return browser.driver.find_element("id", f"{service}-{name}")


def set_field(service, name, text):
    element = field(service, name)
    browser.run("arguments[0].scrollIntoView({block: 'center'})", element)
    element.clear()
    element.send_keys(text)


def state(service):
    return browser.text(f"[data-service={service}] [role=status]")


def press(service, label):
    button = next(b for b in browser.all("button", card(service)) if b.text == label)
    browser.run("arguments[0].scrollIntoView({block: 'center'})", button)
    button.click()


def matched(service):
    answer = hub.ask("POST", "/v1/match", {"job_id": "j", "requirements": {"service": service}}, hub.coordinator)
    return [(c["miner_id"], c["price"]) for c in answer.json["candidates"]]


def owner_signs_in(key):
    browser.open("/services")
    sign_in("no key of any miner here")
    browser.wait("a refusal", lambda: "No miner has this API key" in browser.text("#signin-problem"))
    sign_in(key)
    browser.wait("the cards", lambda: len(browser.all("#cards section")) == 5)
    assert browser.text("#miner") == "my-miner"
    assert key not in browser.run("return location.href + document.cookie + document.documentElement.outerHTML")


def service_is_enabled():
    assert state("llm_inference") == "Never set"
    press("llm_inference", "Use the template")
    browser.wait("unsaved changes", lambda: state("llm_inference") == "Not saved yet")
    set_field("llm_inference", "pricing.price_token_per_ksec", "0.123456789")
    browser.wait("the fault", lambda: "at most 8 decimal places" in card("llm_inference").text)
    broken = field("llm_inference", "pricing.price_token_per_ksec")
    assert broken.get_attribute("aria-invalid") == "true"
    said = broken.get_attribute("aria-describedby")
    assert "8 decimal places" in browser.driver.find_element("id", said).text
    press("llm_inference", "Save")
    browser.wait("the refusal", lambda: "cannot be saved" in card("llm_inference").text)
    assert matched("llm_inference") == []
    set_field("llm_inference", "pricing.price_token_per_ksec", "0.125")
    browser.wait("no fault", lambda: broken.get_attribute("aria-invalid") is None)
    press("llm_inference", "Save")
    browser.wait("saved", lambda: state("llm_inference").startswith("Saved"))
    assert matched("llm_inference") == [("my-miner", 0.125)], matched("llm_inference")


def advice_stands_beside_fields():
    set_field("llm_inference", "config.models", "llama-3.1-70b")
    said = browser.driver.find_element("id", "llm_inference-config.models-said")
    browser.wait("advice", lambda: "64 GB" in said.text)
    assert "gpu_vram_gb: has 12, wants 64 GB" in card("llm_inference").text
    press("llm_inference", "Undo")
    browser.wait("the saved state", lambda: state("llm_inference").startswith("Saved"))
    browser.wait("no advice", lambda: said.text == "")


def second_tab_is_told(key):
    """Somebody else saves in between."""
    path = "/v1/services/llm_inference"
    other = hub.ask("PATCH", path, {"max_concurrent": 3, "config": {"own": "kept"}}, key)
    assert other.status == 200, other
    set_field("llm_inference", "pricing.price_token_per_ksec", "0.2")
    press("llm_inference", "Save")
    browser.wait("the conflict", lambda: "changed elsewhere" in card("llm_inference").text)
    alert = browser.text("[data-service=llm_inference] [role=alert]")
    assert "max_concurrent: yours 2, saved 3" in alert, alert
    assert field("llm_inference", "pricing.price_token_per_ksec").get_attribute("value") == "0.2"
    assert matched("llm_inference") == [("my-miner", 0.125)]
    browser.picture("services-conflict")
    press("llm_inference", "Show what is saved")
    browser.wait("theirs", lambda: field("llm_inference", "max_concurrent").get_attribute("value") == "3")
    set_field("llm_inference", "pricing.price_token_per_ksec", "0.2")
    press("llm_inference", "Save")
    browser.wait("saved", lambda: state("llm_inference").startswith("Saved"))
    kept = hub.ask("GET", path, bearer=key).json
    assert (kept["max_concurrent"], kept["config"]["own"]) == (3, "kept"), kept
    hub.ask("PATCH", path, {"max_concurrent": 5}, key)
    set_field("llm_inference", "pricing.price_token_per_ksec", "0.3")
    press("llm_inference", "Save")
    browser.wait("the conflict", lambda: "changed elsewhere" in card("llm_inference").text)
    press("llm_inference", "Save mine over it")
    browser.wait("saved", lambda: state("llm_inference").startswith("Saved"))
    assert matched("llm_inference") == [("my-miner", 0.3)]


def expired_sign_in_keeps_what_was_typed(key):
    """Signed in with a session token, which ends with a logout."""
    press_sign_out()
    renewed = hub.ask("POST", "/v1/miners/lease/renew", {}, key)
    sign_in(renewed.json["session_token"])
    browser.wait("the cards", lambda: len(browser.all("#cards section")) == 5)
    set_field("whisper", "pricing.per_minute", "0.01")
    assert hub.ask("POST", "/v1/miners/logout", {}, key).status == 200
    press("whisper", "Save")
    browser.wait("the sign-in", lambda: browser.find("#signin-card").is_displayed())
    assert "Sign in again" in browser.text("#signin-problem")
    sign_in(key)
    browser.wait("signed in", lambda: not browser.find("#signin-card").is_displayed())
    assert field("whisper", "pricing.per_minute").get_attribute("value") == "0.01"
    press("whisper", "Save")
    browser.wait("saved", lambda: state("whisper").startswith("Saved"))


def press_sign_out():
    browser.click("#signout")
    browser.wait("signed out", lambda: browser.find("#signin-card").is_displayed())


def services_by_keyboard():
    browser.open("/services")
    reached = browser.tab_order(7)
    assert reached == ["Skip to the services", "Pool Hub", "Pool", "Services", "API", "key", "Sign in"], reached


def pool_by_keyboard():
    browser.open("/")
    browser.wait("the page", lambda: browser.text("#online") != "–")
    reached = browser.tab_order(9)
    assert reached[:5] == ["Skip to the pool", "Pool Hub", "Pool", "Services", "API"], reached
    assert reached[-2:] == ["secret", "Sign in"], reached


def answers_are_strict():
    for path in ["/", "/services", "/docs", "/pages/page.js", "/openapi.yaml"]:
        answer = hub.ask("GET", path)
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'") and "unsafe" not in policy, policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        again = hub.ask("GET", path, headers={"If-None-Match": answer.headers["ETag"]})
        assert (again.status, again.body) == (304, b""), again
        assert hub.ask("GET", path + "/" if path != "/" else "/").status == 200
    assert hub.ask("GET", "/pages/pool.html").status == 404
    assert hub.ask("GET", "/pages/..%2Fopenapi.yaml").status == 404


def check_page(name, path, ready):
    browser.open(path)
    browser.wait(f"{name} is there", ready)
    assert browser.weight() < PAGE_BYTES, f"{name} weighs {browser.weight()} bytes"
    browser.check_access(name)
    browser.picture(name)


def no_complaint():
    browser.gather()
    assert browser.complaints == [], browser.complaints
    own = (hub.url + "/", "data:", "about:", "chrome")
    away = [url for url in browser.asked if not url.startswith(own)]
    assert len(browser.asked) > 50 and away == [], away
    secrets = [hub.operator, hub.coordinator, "key-of-"]
    assert not [url for url in browser.asked if any(secret in url for secret in secrets)]


def main():
    key = populate()
    run.test("the pool's numbers equal health and metrics", pool_equals_metrics)
    run.test("GPUs and prices equal the registry", survey_equals_registry)
    run.test("the pool's page is live", pool_is_live)
    run.test("live viewers are bounded", viewers_are_bounded)
    run.test("pages are answered at once", pages_are_quick)
    run.test("the pool's page: light, accessible, small", check_page, "pool", "/",
             lambda: browser.text("#online") != "–" and len(rows("gpus")) > 3)
    run.test("an operator signs in, and the secret stays in the page", operator_signs_in)
    run.test("the match explorer equals /v1/match", explorer_equals_match)
    run.test("the match explorer tells what is wrong", explorer_tells_faults)
    run.test("a miner is found and shown with its evidence", miners_are_found)
    run.test("keys are listed, and no secret with them", keys_are_shown)
    run.test("a key is revoked, once one is sure", key_is_revoked)
    run.test("the operator's part is accessible", browser.check_access, "operator")
    run.test("the operator's part in pictures", browser.picture, "operator")
    run.test("hostile names are shown as text", hostile_names_are_text)
    run.test("a miner's owner signs in", owner_signs_in, key)
    run.test("a service is enabled, a fault told, and the match finds it", service_is_enabled)
    run.test("advice stands beside the field", advice_stands_beside_fields)
    run.test("the services' page is accessible", browser.check_access, "services")
    run.test("the services' page in pictures", browser.picture, "services")
    run.test("a second tab is told, and nothing is lost", second_tab_is_told, key)
    run.test("an expired sign-in loses nothing", expired_sign_in_keeps_what_was_typed, key)
    run.test("the services' page by keyboard", services_by_keyboard)
    run.test("the pool's page by keyboard", pool_by_keyboard)
    run.test("the sign-in page", check_page, "services-signin", "/services", lambda: browser.find("#key"))
    run.test("the API's page", check_page, "docs", "/docs", lambda: browser.find("#types"))
    run.test("every page has a strict policy and a tag", answers_are_strict)
    run.test("no complaint in the console, and no request left the hub", no_complaint)
    browser.quit()
    run.end()


main()
