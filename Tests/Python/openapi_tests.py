"""Holds openapi.yaml against the sources and a running gateway: `openapi_tests.py PATH-TO-DEV.JSON`."""

import json
import pathlib
import re
import sys
import time

import jsonschema_rs
import yaml

from hub import Hub, Run

ROOT = pathlib.Path(__file__).resolve().parents[2]
METHODS = ["get", "post", "put", "patch", "delete"]
# GETs that change something, so that HEAD doesn't stand in for them.
WITHOUT_HEAD = {"/v1/miners/lease/renew"}
WITHOUT_END = {"/v1/pool/events"}
MINER = "my-gpu"

document = yaml.safe_load((ROOT / "openapi.yaml").read_text(encoding="utf-8"))
hub = Hub(sys.argv[1])
run = Run()


def resolve(node):
    while isinstance(node, dict) and "$ref" in node:
        target = document
        for name in node["$ref"].removeprefix("#/").split("/"):
            target = target[name]
        node = {**target, **{k: v for k, v in node.items() if k != "$ref"}}
    return node


def operations():
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                operation = item[method]
                yield path, method, operation, item.get("parameters", []) + operation.get("parameters", [])


def check(value, schema):
    """Whether a value is what the schema says, with all faults."""
    whole = {"components": document["components"], "allOf": [schema]}
    faults = [f"{list(e.instance_path)}: {e.message}" for e in jsonschema_rs.validator_for(whole).iter_errors(value)]
    assert not faults, faults


def bodies(content):
    found = [content["example"]] if "example" in content else []
    return found + [resolve(example)["value"] for example in content.get("examples", {}).values()]


def filled(path, parameters):
    for parameter in map(resolve, parameters):
        if parameter["in"] == "path":
            path = path.replace("{" + parameter["name"] + "}", str(parameter["example"]))
    return path


def secret(operation, key):
    names = {name for each in operation["security"] for name in each}
    known = {"MinerBearer": key, "CoordinatorBearer": hub.coordinator, "OperatorBearer": hub.operator}
    return next((known[name] for name in names if name in known), None)


def routes_are_described():
    described = {(method, path) for path, method, _, _ in operations()}
    served = set()
    for file in (ROOT / "Sources/Gateway/Routes").glob("*.swift"):
        for method, path in re.findall(r'routes\.(\w+)\(\s*"([^"]+)"', file.read_text(encoding="utf-8")):
            served.add((method.removesuffix("WithEffect"), path))
    assert served, "no route was found"
    assert described == served, (
        f"not described: {sorted(served - described)}; not served: {sorted(described - served)}")


def allow_says_the_same():
    for path, item in document["paths"].items():
        wanted = {method.upper() for method in METHODS if method in item}
        if "GET" in wanted and path not in WITHOUT_HEAD:
            wanted.add("HEAD")
        parameters = item.get("parameters", []) + next(
            item[m] for m in METHODS if m in item).get("parameters", [])
        answer = hub.ask("OPTIONS", filled(path, parameters))
        assert answer.status == 405, (path, answer)
        allowed = set(answer.headers["Allow"].split(", "))
        # A path with a parameter may stand for one of another path, too.
        assert allowed >= wanted, (path, allowed, wanted)


def statuses_are_described(path, method, operation, parameters, key):
    """Nobody, somebody else, no JSON, a wrong field: each is answered as described."""
    target = filled(path, parameters)
    tries = [(None, None), ("no secret of anybody here", None)]
    if "requestBody" in operation:
        own = secret(operation, key)
        tries += [(own, b"{"), (own, b"[]"), (own, b"x" * 70_000)]
    if operation["security"]:
        tries += [(hub.operator, None), (hub.coordinator, None)]
    for bearer, body in tries:
        if path in WITHOUT_END or (method == "post" and target.endswith("logout") and bearer == key):
            continue
        answer = hub.ask(method.upper(), target, body, bearer)
        described = operation["responses"].get(str(answer.status))
        assert described is not None, (bearer is not None, body and body[:9], answer)
        answered_as_described(answer, described)


def answered_as_described(answer, described):
    content = resolve(described).get("content", {})
    kind = (answer.headers["Content-Type"] or "").split(";")[0]
    assert not content or kind in content, (kind, list(content), answer)
    if kind.endswith("json"):
        check(answer.json, content[kind]["schema"])


def example_is_accepted(path, method, operation, parameters, key):
    for body in bodies(operation["requestBody"]["content"]["application/json"]):
        check(body, operation["requestBody"]["content"]["application/json"]["schema"])
        answer = hub.ask(method.upper(), filled(path, parameters), body, secret(operation, key))
        assert answer.status == 200, (body, answer)
        answered_as_described(answer, operation["responses"]["200"])


def good_request_is_answered(path, method, operation, parameters, key):
    answer = hub.ask(method.upper(), filled(path, parameters), None, secret(operation, key))
    wanted = 426 if path == "/v1/miners/heartbeat" else 200
    # The history is written behind the answers.
    end = time.monotonic() + 20
    while path.startswith("/v1/matches/") and answer.status == 404 and time.monotonic() < end:
        time.sleep(0.05)
        answer = hub.ask(method.upper(), filled(path, parameters), None, secret(operation, key))
    assert answer.status == wanted, answer
    answered_as_described(answer, operation["responses"][str(wanted)])


def answers_examples_fit():
    for path, method, operation, _ in operations():
        for status, response in operation["responses"].items():
            for kind, content in resolve(response).get("content", {}).items():
                for example in bodies(content):
                    try:
                        check(example, content["schema"])
                    except AssertionError as error:
                        raise AssertionError(f"{method} {path} {status}: {error}") from None


def main():
    key = "a-key-that-only-i-know"
    # As the example of a registration has it, so that the other examples find the miner.
    full = document["paths"]["/v1/miners/register"]["post"]["requestBody"]["content"]["application/json"]
    registered = hub.ask("POST", "/v1/miners/register", full["examples"]["full"]["value"])
    assert registered.status == 200 and full["examples"]["full"]["value"]["api_key"] == key, registered
    # Ids of keys are the hub's choice.
    issued = hub.ask("POST", "/v1/keys", {"kind": "miner"}, hub.operator)
    document["components"]["parameters"]["KeyID"]["example"] = issued.json["key_id"]
    run.test("every route is described, and nothing else", routes_are_described)
    run.test("Allow says the same methods", allow_says_the_same)
    run.test("examples of answers fit their types", answers_examples_fit)
    rest = []
    for each in operations():
        path, method, operation, parameters = each
        name = f"{method.upper()} {path}"
        if "requestBody" in operation:
            run.test(f"{name}: its examples are accepted", example_is_accepted, *each, key)
        elif method == "get" and path not in WITHOUT_END:
            run.test(f"{name}: answers as described", good_request_is_answered, *each, key)
        elif method == "delete":
            rest.append((name, each))
        run.test(f"{name}: its errors are described", statuses_are_described, *each, key)
    for name, each in rest:
        run.test(f"{name}: answers as described", good_request_is_answered, *each, key)
    run.end()


main()
