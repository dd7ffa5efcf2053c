#!/usr/bin/env python3
"""Writes docs.html, the readable page of openapi.yaml at the project's top, beside itself.

`render_docs.py` writes it; `render_docs.py --check` only says whether it is up to date. Needs PyYAML.
"""
import html
import json
import pathlib
import re
import sys

import yaml

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = HERE.parents[2] / "openapi.yaml"
TARGET = HERE / "docs.html"
METHODS = ["get", "post", "put", "patch", "delete"]
CALLERS = {
    "MinerBearer": "miner",
    "SessionToken": "miner",
    "CoordinatorBearer": "coordinator",
    "CoordinatorKey": "coordinator",
    "OperatorBearer": "operator",
}


def escape(text):
    return html.escape(str(text), quote=False)


def inline(text):
    """Markdown's code, bold and nothing else."""
    parts = re.split(r"(`[^`]+`|\*\*[^*]+\*\*)", text)
    done = []
    for part in parts:
        if part.startswith("`"):
            done.append(f"<code>{escape(part[1:-1])}</code>")
        elif part.startswith("**"):
            done.append(f"<strong>{escape(part[2:-2])}</strong>")
        else:
            done.append(escape(part))
    return "".join(done)


def prose(text):
    paragraphs = re.split(r"\n\s*\n", (text or "").strip())
    return "".join(f"<p>{inline(' '.join(p.split()))}</p>" for p in paragraphs if p.strip())


class Renderer:
    def __init__(self, document):
        self.document = document

    def resolve(self, node):
        """What a $ref points at, with the members beside it laid over; and the name it goes by."""
        if not isinstance(node, dict) or "$ref" not in node:
            return node, None
        target = self.document
        path = node["$ref"].removeprefix("#/").split("/")
        for name in path:
            target = target[name]
        return {**target, **{k: v for k, v in node.items() if k != "$ref"}}, path[-1]

    def page(self):
        info = self.document["info"]
        operations = self.operations()
        sections, contents = [], []
        for tag in self.document["tags"]:
            mine = [o for o in operations if o[2]["tags"] == [tag["name"]]]
            anchor = tag["name"].lower()
            contents.append(
                f'<li><a href="#{anchor}">{escape(tag["name"])}</a><ul>'
                + "".join(
                    f'<li><a href="#{o["operationId"]}">{escape(o["summary"])}</a></li>'
                    for _, _, o in mine
                )
                + "</ul></li>"
            )
            sections.append(
                f'<section aria-labelledby="{anchor}"><h2 id="{anchor}">{escape(tag["name"])}</h2>'
                f'{prose(tag["description"])}{"".join(self.operation(*o) for o in mine)}</section>'
            )
        contents.append('<li><a href="#callers">Who is calling</a></li>')
        contents.append('<li><a href="#statuses">Statuses</a></li>')
        contents.append('<li><a href="#types">Types</a></li>')
        return PAGE.format(
            title=escape(info["title"]),
            version=escape(info["version"]),
            intro=prose(info["summary"] + "\n\n" + info["description"]),
            contents="".join(contents),
            sections="".join(sections),
            callers=self.callers(),
            statuses=self.statuses(),
            types=self.types(),
        )

    def operations(self):
        return [
            (path, method, {**item[method], "parameters": item.get("parameters", [])
                            + item[method].get("parameters", [])})
            for path, item in self.document["paths"].items()
            for method in METHODS
            if method in item
        ]

    def operation(self, path, method, operation):
        callers = sorted({CALLERS[name] for each in operation["security"] for name in each})
        return (
            f'<article aria-labelledby="{operation["operationId"]}">'
            f'<h3 id="{operation["operationId"]}">{escape(operation["summary"])}</h3>'
            f'<p class="call"><span class="method">{method.upper()}</span> <code>{escape(path)}</code>'
            f'<span class="who">{" or ".join(callers) or "anyone"}</span></p>'
            f'{prose(operation.get("description"))}'
            f'{self.parameters(operation["parameters"])}'
            f'{self.body(operation.get("requestBody"))}'
            f'{self.responses(operation["responses"])}</article>'
        )

    def parameters(self, parameters):
        rows = []
        for parameter in parameters:
            parameter, _ = self.resolve(parameter)
            kind = {"path": "in the path", "query": "in the query", "header": "a header"}
            note = inline(parameter.get("description", ""))
            rows.append(
                f'<dt><code>{escape(parameter["name"])}</code> <span>{kind[parameter["in"]]}, '
                f'{self.kind(parameter["schema"])}</span></dt><dd>{note}</dd>'
            )
        return f'<dl class="fields">{"".join(rows)}</dl>' if rows else ""

    def body(self, body):
        if not body:
            return ""
        content = body["content"]["application/json"]
        examples = [content["example"]] if "example" in content else []
        for example in content.get("examples", {}).values():
            examples.append(self.resolve(example)[0]["value"])
        return (
            f'<h4>Body{"" if body.get("required") else ", if any"}</h4>{self.fields(content["schema"])}'
            + "".join(self.example(e) for e in examples)
        )

    def example(self, value):
        text = json.dumps(value, indent=2, ensure_ascii=False)
        if len(json.dumps(value, ensure_ascii=False)) < 90:
            text = json.dumps(value, ensure_ascii=False)
        return f'<pre tabindex="0"><code>{escape(text)}</code></pre>'

    def responses(self, responses):
        """What is particular to the operation stands there; what many share is told once."""
        shared, own, shown = [], [], ""
        for status, response in responses.items():
            response, name = self.resolve(response)
            if name and status != "200":
                shared.append(f'<a href="#status-{name}">{status}</a>')
            else:
                note = inline(" ".join(response["description"].split()))
                own.append(f"<dt>{status}</dt><dd>{note}</dd>")
            content = response.get("content", {}).get("application/json", {})
            if status == "200" and content:
                shown = self.fields(content["schema"])
                if "example" in content:
                    shown += self.example(content["example"])
        errors = f'<p class="shared">Also {", ".join(shared)}</p>' if shared else ""
        return f'<h4>Answers</h4><dl class="statuses">{"".join(own)}</dl>{shown}{errors}'

    def statuses(self):
        """The answers that operations share, by status."""
        status = {}
        for _, _, operation in self.operations():
            for code, response in operation["responses"].items():
                name = response.get("$ref", "").split("/")[-1]
                if name and code != "200":
                    status[name] = code
        rows = []
        for name, code in sorted(status.items(), key=lambda item: (item[1], item[0])):
            response = self.document["components"]["responses"][name]
            note = inline(" ".join(response["description"].split()))
            rows.append(f'<dt id="status-{name}">{code}</dt><dd>{note}</dd>')
        return f'<dl class="statuses">{"".join(rows)}</dl>'

    def fields(self, schema):
        """A named type is a link; one of an operation's own stands there."""
        held, name = self.resolve(schema)
        if name and held.get("type") != "array":
            more = {"type": "object", **{k: v for k, v in schema.items() if k != "$ref"}}
            beside = self.members(more) if "properties" in more else ""
            return f'<p><a href="#type-{name}">{name}</a>{", and" if beside else ""}</p>{beside}'
        return self.members(schema)

    def members(self, schema):
        schema, _ = self.resolve(schema)
        if schema.get("type") == "array" and "properties" not in schema:
            return f"<p>A list of {self.kind(schema['items'])}.</p>"
        required = schema.get("required", [])
        rows = []
        for name, member in schema.get("properties", {}).items():
            held, _ = self.resolve(member)
            must = ", required" if name in required else ""
            note = inline(held.get("description", "")) if "$ref" not in member or "description" in member else ""
            nested = ""
            inner = held.get("items", held) if held.get("type") == "array" else held
            if isinstance(inner, dict) and "properties" in inner and "$ref" not in inner and "$ref" not in member:
                nested = self.members(inner)
            rows.append(
                f"<dt><code>{escape(name)}</code> <span>{self.kind(member)}{must}</span></dt>"
                f"<dd>{note}{nested}</dd>"
            )
        return f'<dl class="fields">{"".join(rows)}</dl>' if rows else f"<p>{self.kind(schema)}</p>"

    def kind(self, schema):
        """A type in a few words."""
        if "$ref" in schema:
            name = schema["$ref"].split("/")[-1]
            return f'<a href="#type-{name}">{name}</a>'
        if "oneOf" in schema:
            return " or ".join(self.kind(s) for s in schema["oneOf"] if s.get("type") != "null")
        if "const" in schema:
            return f"<code>{escape(json.dumps(schema['const']))}</code>"
        if "enum" in schema:
            return " · ".join(f"<code>{escape(v)}</code>" for v in schema["enum"] if v is not None)
        types = schema.get("type", "anything")
        types = [types] if isinstance(types, str) else types
        names = [t for t in types if t != "null"]
        text = " or ".join(escape(n) for n in names)
        if names == ["array"]:
            text = f"list of {self.kind(schema['items'])}"
            if "maxItems" in schema:
                text += f", at most {schema['maxItems']}"
        if schema.get("format") == "date-time":
            text = "time"
        low, high = schema.get("minimum"), schema.get("maximum")
        if low is not None and high is not None:
            text += f", {low} to {high}"
        elif low is not None:
            text += f", {low} or more"
        if "maxLength" in schema:
            text += f", {schema.get('minLength', 0)} to {schema['maxLength']} bytes"
        if "default" in schema:
            text += f", default {escape(json.dumps(schema['default']))}"
        return text

    def callers(self):
        rows = []
        for name, scheme in self.document["components"]["securitySchemes"].items():
            how = "<code>Authorization: Bearer …</code>"
            if scheme["type"] == "apiKey":
                how = f"<code>{scheme['name']}</code> in the {scheme['in']}"
            rows.append(f"<dt>{CALLERS[name].capitalize()} <span>{how}</span></dt>"
                        f"<dd>{inline(scheme['description'])}</dd>")
        return f'<dl class="fields">{"".join(rows)}</dl>'

    def types(self):
        return "".join(
            f'<article><h3 id="type-{name}">{name}</h3>{prose(schema.get("description"))}'
            f"{self.members(schema)}</article>"
            for name, schema in self.document["components"]["schemas"].items()
        )


PAGE = """<!doctype html>
<!-- Made by render_docs.py out of openapi.yaml. -->
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>API – Pool Hub</title>
<link rel="icon" href="/pages/icon.svg">
<link rel="stylesheet" href="/pages/page.css">
</head>
<body class="docs">
<a class="skip" href="#main">Skip to the text</a>
<header class="top"><a class="name" href="/">Pool Hub</a>
<nav aria-label="Pages"><a href="/">Pool</a><a href="/services">Services</a>
<a href="/docs" aria-current="page">API</a></nav></header>
<div class="columns">
<nav class="contents" aria-label="Contents"><ul>{contents}</ul></nav>
<main id="main" tabindex="-1">
<h1>{title} API <span class="version">{version}</span></h1>
{intro}
<p>For programs: <a href="/openapi.yaml">openapi.yaml</a></p>
{sections}
<section aria-labelledby="callers"><h2 id="callers">Who is calling</h2>{callers}</section>
<section aria-labelledby="statuses"><h2 id="statuses">Statuses</h2>{statuses}</section>
<section aria-labelledby="types"><h2 id="types">Types</h2>{types}</section>
</main>
</div>
</body>
</html>
"""


def main():
    # BaseLoader's numbers would be texts; SafeLoader's are what they look like.
    document = yaml.safe_load(SOURCE.read_text(encoding="utf-8"))
    page = Renderer(document).page()
    if sys.argv[1:] == ["--check"]:
        if not TARGET.exists() or TARGET.read_text(encoding="utf-8") != page:
            sys.exit("docs.html is not what openapi.yaml makes: run render_docs.py")
        return
    TARGET.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
