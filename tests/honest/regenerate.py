"""Writes `from_packages.tsv`: the URI templates of published APIs, filled with plausible values.

The packages are none of the tests' own. Into an environment of its own, without their dependencies:

    pip install --no-deps botocore==1.44.8 google-api-python-client==2.202.0 kubernetes==37.0.2 \\
        PyGithub==2.10.0 stripe==16.1.0
    python tests/honest/regenerate.py

Only path templates are read, which are facts; no text is taken over. What a template is filled with is in `VALUES`.
"""

from __future__ import annotations

import gzip
import importlib.metadata
import importlib.util
import json
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

PAGE = Path(__file__).with_name("from_packages.tsv")

#: What stands for a parameter, by its name; the first that fits. A template chooses one by its checksum.
VALUES: list[tuple[str, list[str]]] = [
    (
        r"arn$",
        [
            "arn:aws:iam::123456789012:role/service-role/reader",
            "arn:aws:apigateway:eu-central-1::/restapis/a1b2c3/stages/prod",
            "arn:aws:lambda:us-east-1:123456789012:function:resize:PROD",
            "arn:aws-cn:sns:cn-north-1:123456789012:alerts.fifo",
        ],
    ),
    (
        r"mail|principal",
        ["ada.lovelace@example.com", "o'brien+billing@example.co.uk", "user@xn--bcher-kva.example"],
    ),
    (
        r"domain(name)?$|host",
        ["example.com", "a.b.c.example.co.uk", "xn--mnchen-3ya.example", "münchen.example"],
    ),
    (r"siteurl|feedpath", ["sc-domain:example.com"]),
    (r"(locale|lang)", ["en_US", "pt-BR", "zh-Hant-TW", "sr-Latn"]),
    (r"version", ["$LATEST", "1.2.3", "2024-02-29", "1.0.0-rc.1+build.5", "v1beta1"]),
    (r"(region|location)s?(id|name)?$", ["eu-central-1", "europe-west3", "us", "global"]),
    (r"zone", ["europe-west3-a", "us-central1-f"]),
    (
        r"^sha$|_sha$|digest",
        ["6dcb09b5b57875f334f61aebed695e2e4193db5e", "sha256:9f86d081884c7d65"],
    ),
    (
        r"^base(head)$",
        ["main...feature/über-login", "v1.0.0...v1.1.0-rc.1", "octocat:main...hubot:dev"],
    ),
    (
        r"branch$|^ref$|^head$",
        ["main", "feature/login~2", "release/2.x", "fix/#1234-quote's", "wip@{1}"],
    ),
    (
        r"path$|key$|file",
        [
            "docs/read me (1).tar.gz",
            ".github/workflows/ci.yml",
            "a..b/c++/日本語.txt",
            "100% sure!.md",
        ],
    ),
    (r"date|time|day|month", ["2024-02-29", "2024-02-29T12:30:00+01:00", "20240229T123000Z"]),
    (
        r"label|tag|topic|keyword|query|state",
        ["good first issue", "C++", "c#", "größe:XL", "🚀 launch", "a,b;c=d"],
    ),
    (
        r"owner|user|login|assignee|person",
        ["octocat", "ada.lovelace@example.com", "~me", "J_R-1", "dependabot[bot]"],
    ),
    (r"^repo|package", ["hello.world", ".github", "my-app_2.0", "com.example.app"]),
    (r"number|count|index|attempt", ["1", "1347", "99999"]),
    (
        r"(project|org|account|customer)",
        ["my-project-123", "example.com:legacy", "123456789012", "acct_1032D82eZvKYlo2C"],
    ),
    (r"namespace|cluster", ["default", "kube-system", "team.prod_1"]),
    (
        r"name|title",
        [
            "nightly.build",
            "Q3 report (final)",
            "Übersicht",
            "東京",
            "a+b",
            "cafe\u0301",
            "10:30~11",
        ],
    ),
    (
        r"",
        [
            "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
            "01ARZ3NDEKTSV4RRFFQ69G5FAV",
            "5f43a2-9.v2",
            "cus_NffrFeUfNV2Hib",
            "MDQ6VXNlcjU4MzIzMQ==",
            "a1_B2-c3~",
            "urn:uuid:6e8bc430-9c3a",
            "-NxYz_09",
            "12345678901234567890",
        ],
    ),
]


def _package(name: str) -> Path:
    found = importlib.util.find_spec(name)
    if found is None or found.origin is None:
        raise SystemExit(f"{name} is not installed; {PAGE.name} says which version")
    return Path(found.origin).parent


def _texts(name: str, pattern: str) -> Iterator[str]:
    return (file.read_text("utf-8") for file in sorted(_package(name).glob(pattern)))


def _botocore() -> Iterator[str]:
    for file in sorted(_package("botocore").glob("data/*/*/service-2.json.gz")):
        operations = json.loads(gzip.decompress(file.read_bytes()))["operations"].values()
        yield from (
            operation["http"]["requestUri"].partition("?")[0]
            for operation in operations
            if "http" in operation
        )


def _methods(described: dict[str, Any]) -> Iterator[str]:
    for method in described.get("methods", {}).values():
        yield "/" + (method.get("flatPath") or method["path"])
    for resource in described.get("resources", {}).values():
        yield from _methods(resource)


def _google() -> Iterator[str]:
    for text in _texts("googleapiclient", "discovery_cache/documents/*.json"):
        yield from _methods(json.loads(text))


def _found(package: str, files: str, pattern: str) -> Callable[[], Iterable[str]]:
    return lambda: (
        template for text in _texts(package, files) for template in re.findall(pattern, text)
    )


#: Distribution -> its templates, how many of them at most, and what its client leaves unquoted.
SOURCES: dict[str, tuple[Callable[[], Iterable[str]], int, str]] = {
    "botocore": (_botocore, 700, "-._~"),
    "google-api-python-client": (_google, 700, ":@"),
    "kubernetes": (_found("kubernetes", "client/api/*.py", r"resource_path='(/[^']+)'"), 500, ""),
    "PyGithub": (_found("github", "*.py", r":calls: `[A-Z]+ (/[^\s<`]*)"), 500, ""),
    "stripe": (_found("stripe", "**/*.py", r'"(/v[12]/[^"%(]*)"'), 500, ""),
}


def _value(template: str, name: str) -> str:
    values = next(values for pattern, values in VALUES if re.search(pattern, name, re.IGNORECASE))
    return values[zlib.crc32(f"{template} {name}".encode()) % len(values)]


def _filled(template: str, unquoted: str) -> str:
    def fill(parameter: re.Match[str]) -> str:
        name = parameter[1]
        greedy = "/" if name.endswith("+") or name.startswith("+") else ""
        return quote(_value(template, name.strip("+")), safe=unquoted + greedy)

    return re.sub(r"\{([^{}]+)\}", fill, template)


def _evenly(templates: list[str], most: int) -> list[str]:
    step = max(1.0, len(templates) / most)
    return [templates[int(index * step)] for index in range(min(most, len(templates)))]


def main() -> None:
    """Write the page, and print how many templates there were."""
    lines = [
        "# Written by regenerate.py: paths as they are sent, and the package whose templates they fill."
    ]
    for source, (templates, most, unquoted) in SOURCES.items():
        distinct = sorted({template for template in templates() if template != "/"})
        paths = dict.fromkeys(_filled(template, unquoted) for template in _evenly(distinct, most))
        version = importlib.metadata.version(source)
        lines.append(f"# {source} {version}: {len(paths)} of {len(distinct)} templates")
        lines += [f"{path}\t{source}" for path in paths]
        awkward = sum(
            "//" in template or bool({".", ".."} & set(template.split("/")))
            for template in distinct
        )
        print(
            f"{source} {version}: {len(paths)} of {len(distinct)} templates, {awkward} with empty or dot segments"
        )
    PAGE.write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main()
