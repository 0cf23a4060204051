"""docs/comparison.md, from the results."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from benchmarks.comparison import page_texts, scores, verdicts
from benchmarks.comparison.features import FEATURES, TABLES
from benchmarks.comparison.peers import OWN, PEERS
from benchmarks.comparison.proofs import REPLAY

Json = Mapping[str, Any]


def render(results: Json) -> str:
    """Return the page."""
    parts = [
        page_texts.HEAD,
        page_texts.INTRODUCTION,
        _versions(results),
        verdicts.better_elsewhere(results),
        _tokens(results),
        _refusals(results),
        _keys(results),
        _paths(results),
        _proofs(results),
        _features(results),
        _speed(results),
        page_texts.METHOD,
        _machine(results),
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def summary(results: Json) -> Iterator[str]:
    """Yield a line for each library."""
    for name, library in results["libraries"].items():
        line = f"{PEERS[name].title} {library['inspection']['version']}: "
        if "tokens" in library:
            count = scores.count(results, name)
            line += f"{count.cases} tokens, {count.accepted} accepted wrongly, "
            line += f"{count.refused} refused wrongly, {count.crashed} other errors"
        else:
            line += "no tokens"
        if "speed" in library:
            line += f"; fresh {scores.median_ratio(library, 'fresh'):.2f}"
            line += f", seen {scores.median_ratio(library, 'seen'):.2f} times the bare signature"
        yield line


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table in Markdown."""
    lines = [_row(heads), _row(["---"] * len(heads))]
    return "\n".join([*lines, *(_row(row) for row in rows)])


def two_tables(heads: Sequence[str], rows: Iterable[Sequence[object]], *, first: int) -> str:
    """Return two tables of the same libraries, because one would be wider than a screen.

    Args:
        heads: The heads of all columns; the first column is in both tables.
        rows: The rows.
        first: How many columns the first table has.
    """
    listed = list(rows)
    upper = table(heads[:first], [row[:first] for row in listed])
    lower = table([heads[0], *heads[first:]], [[row[0], *row[first:]] for row in listed])
    return f"{upper}\n\n{lower}"


def _row(cells: Sequence[object]) -> str:
    texts = [str(cell).replace("|", "\\|") for cell in cells]
    return f"| {' | '.join(texts)} |"


def section(text: str, body: str) -> str:
    """Return a section: its heading and words, and then its tables."""
    return f"{text.strip()}\n\n{body}"


def _titled(results: Json, part: str) -> Iterator[tuple[str, str, Any]]:
    """Yield the name, the title and one part of the results of each library."""
    for name, library in results["libraries"].items():
        yield name, PEERS[name].title, library.get(part)


def _versions(results: Json) -> str:
    rows = []
    for name, title, inspection in _titled(results, "inspection"):
        row = (
            title,
            inspection["version"],
            inspection["licence"],
            inspection["python"],
            ", ".join(results["libraries"][name]["frameworks"]) or "–",
            inspection["distributions"],
            f"{inspection['megabytes']:.1f} MB",
            "yes" if inspection["typed"] else "no",
        )
        rows.append(row)
    heads = (
        "Library", "Version", "Licence", "Python", "Compared in", "Installs", "Size", "Typed",
    )  # fmt: skip
    return section(page_texts.VERSIONS, two_tables(heads, rows, first=5))


def _tokens(results: Json) -> str:
    rows: list[Sequence[object]] = []
    for name, title, given in _titled(results, "tokens"):
        if given is None:
            rows.append((title, "not its job", "–", "–", "–", "–"))
            continue
        count = scores.count(results, name)
        algorithms = [
            algorithm
            for algorithm in ("ES256", "PS256")
            if given[f"a good token, {algorithm}"]["outcome"] == "accepted"
        ]
        others = ", ".join(algorithms) or "none"
        rows.append((title, count.cases, count.accepted, count.refused, count.crashed, others))
    heads = (
        "Library",
        "Cases",
        "Accepts what it must refuse",
        "Refuses what it must accept",
        "Other errors",
        "Beside RS256",
    )
    first = table(heads, rows)
    second = table(("Token", "Right", "Other answers"), verdicts.disagreements(results))
    third = table(("Token", "Source", "Accepted by", "Refused by"), verdicts.open_cases(results))
    parts = (
        first,
        verdicts.strays(results),
        page_texts.DISAGREEMENTS.strip(),
        second,
        page_texts.OPEN.strip(),
        third,
    )
    return section(page_texts.TOKENS, "\n\n".join(parts))


def _refusals(results: Json) -> str:
    rows: list[Sequence[object]] = []
    for name, title, frameworks in _titled(results, "refusals"):
        for framework, seen in (frameworks or {}).items():
            scoped = verdicts.refusal(seen["no scope"])
            if name not in verdicts.CHECK_SCOPES:
                scoped = "your code"
            rows.append(
                (
                    f"{title}, {framework}",
                    verdicts.refusal(seen["no token"]),
                    verdicts.refusal(seen["not a token"]),
                    verdicts.refusal(seen["expired"]),
                    scoped,
                    f"{len(seen['failures'])} of {seen['sent']}",
                    verdicts.leak(seen["leaks"]),
                )
            )
    heads = ("In", "No token", "Not a token", "Expired", "No scope", "Status 500", "Token leaks")
    return section(page_texts.REFUSALS, two_tables(heads, rows, first=5))


def _keys(results: Json) -> str:
    rows: list[Sequence[object]] = []
    for name, title, seen in _titled(results, "keys"):
        if seen is None:
            job = verdicts.KEYS_BY_HAND.get(name, "not its job")
            rows.append((title, job, "–", "–", "–", "–", "–", "–"))
            continue
        rows.append(
            (
                title,
                verdicts.after(seen["rotation"]["accepted after"]),
                verdicts.duration(seen["outage"]["held for"]),
                verdicts.without_keys(seen["first"]["outcome"]),
                verdicts.after(seen["first"]["recovers"]),
                "waits" if seen["slow"]["waits"] else "goes on",
                verdicts.went_on(seen["garbage"]["outcomes"]),
                seen["flood"]["fetches"],
            )
        )
    heads = (
        "Library",
        "New key works",
        "Known keys work for",
        "No keys yet",
        "Then recovers",
        "Slow endpoint",
        "HTML for keys",
        "Fetches for 100 unknown kids",
    )
    return section(page_texts.KEYS, two_tables(heads, rows, first=5))


def _paths(results: Json) -> str:
    rows: list[Sequence[object]] = []
    for name, title, frameworks in _titled(results, "paths"):
        if frameworks is None:
            rows.append((title, "not its job", "–", "–"))
            continue
        for framework, seen in frameworks.items():
            forgotten = "open" if seen["forgotten"] else "closed"
            reached = f"{len(seen['reached'])} of {seen['requests']}"
            rows.append((f"{title}, {framework}", verdicts.MECHANISMS[name], reached, forgotten))
    heads = ("In", "Protects by", "Requests that reached the handler", "A route that nobody named")
    return section(page_texts.PATHS, table(heads, rows))


def _proofs(results: Json) -> str:
    right = {case["title"]: case["passes"] for case in results["proof cases"]}
    rows: list[Sequence[object]] = []
    for name, title, seen in _titled(results, "proofs"):
        if seen is None:
            cell = results["libraries"][name]["features"]["proofs"]["mark"]
            word = "not offered" if cell == "no" else cell
            rows.append((title, word, "–", "–", "–", "–"))
            continue
        outcomes = seen["outcomes"]
        passed = [t for t, passes in right.items() if not passes and outcomes[t] == "passed"]
        passed = [title for title in passed if title != REPLAY]
        refused = [t for t, passes in right.items() if passes and outcomes[t] != "passed"]
        failed = [t for t, outcome in outcomes.items() if outcome == "failed"]
        cells = (verdicts.listed(passed), verdicts.listed(refused), verdicts.listed(failed))
        rows.append((title, *cells, outcomes[REPLAY], seen["nonces"]))
    heads = (
        "Library",
        "Accepts what it should refuse",
        "Refuses what it should accept",
        "Status 500",
        "The same proof again",
        "Nonces",
    )
    text = page_texts.PROOFS.format(count=len(right))
    return section(text, table(heads, rows))


def _features(results: Json) -> str:
    tables = [_features_of(results, names) for names in TABLES]
    return section(page_texts.FEATURES, "\n\n".join(tables))


def _features_of(results: Json, names: Sequence[str]) -> str:
    heads = ("Library", *(FEATURES[name].title for name in names))
    rows = [
        (title, *(verdicts.feature(cells[name]) for name in names))
        for _, title, cells in _titled(results, "features")
    ]
    return table(heads, rows)


def _speed(results: Json) -> str:
    rows: list[Sequence[object]] = []
    for _, title, figures in _titled(results, "speed"):
        if figures is None:
            rows.append((title, "–", "–", "–", "–"))
            continue
        library = {"speed": figures}
        rows.append(
            (
                title,
                verdicts.ratio(library, "fresh"),
                verdicts.ratio(library, "seen"),
                f"{min(figures['fresh']) / 1000:.0f} µs",
                f"{min(figures['seen']) / 1000:.0f} µs",
            )
        )
    heads = ("Library", "A new token", "The same token again", "New, least", "Again, least")
    rounds = len(results["libraries"][OWN]["speed"]["bare"])
    return section(page_texts.SPEED.format(rounds=rounds), table(heads, rows))


def _machine(results: Json) -> str:
    environment = results["environment"]
    return (
        f"Taken on {environment['taken']} with {environment['python']} and OpenSSL "
        f"{environment['openssl']} on {environment['cores']} cores of {environment['processor']} "
        f"({environment['system']}); the load average before it was {environment['load before']}."
    )
