"""Look up the pinned packages among the known vulnerabilities, with pip-audit.

A package that was found vulnerable and a package that could not be looked up are two things:
pip-audit ends well if its service is missing or knows none of the packages, so its report is read.
Vulnerabilities that `release/accepted_vulnerabilities.toml` names count until their date alone.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from release.declared import CHECKOUT

#: Everything that the commands install. app.txt and docs.txt hold a part of test.txt.
LOCKS = tuple(f"requirements/{name}.txt" for name in ("test", "fuzz", "mutmut", "tools"))
#: What a release may have for a while.
ACCEPTED = CHECKOUT / "release/accepted_vulnerabilities.toml"
#: Seconds that the service has for an answer.
TIMEOUT = "15"


@dataclass(frozen=True)
class Accepted:
    """A vulnerability that a release may have for a while.

    Attributes:
        id: Its identifier, such as "GHSA-…", "CVE-…" or "PYSEC-…".
        package: The package that has it.
        reason: Why it does no harm here.
        until: The last day on which it is accepted.
    """

    id: str
    package: str
    reason: str
    until: dt.date


@dataclass
class Report:
    """What the service said of the pins of a file; `failure` says why it said nothing."""

    vulnerable: list[str] = field(default_factory=list)
    accepted: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    audited: int = 0
    failure: str = ""


def main() -> int:
    options = argparse.ArgumentParser(prog="make audit AUDIT_ARGS=…")
    options.add_argument("--require-service", action="store_true")
    required = options.parse_args().require_service
    today = dt.datetime.now(dt.UTC).date()
    accepted = read_accepted(ACCEPTED.read_text(encoding="utf-8"))
    reports = [report_of(lock, accepted, today) for lock in LOCKS]
    for report in reports:
        print(*(f"VULNERABLE: {text}\n" for text in report.vulnerable), sep="", end="")
        print(*(f"ACCEPTED: {text}\n" for text in report.accepted), sep="", end="")
    for lock, report in zip(LOCKS, reports, strict=True):
        print(f"vulnerabilities: {lock}: {summary(report)}")
    return status(reports, required=required)


def read_accepted(text: str) -> list[Accepted]:
    """Read the file of accepted vulnerabilities; raise `TypeError` for an incomplete entry."""
    return [Accepted(**entry) for entry in tomllib.loads(text).get("accepted", [])]


def report_of(lock: str, accepted: Sequence[Accepted], today: dt.date) -> Report:
    pip_audit = Path(sysconfig.get_path("scripts")) / "pip-audit"
    options = ["--requirement", lock, "--require-hashes", "--disable-pip", "--format=json"]
    ended = subprocess.run(
        [pip_audit, *options, "--progress-spinner=off", f"--timeout={TIMEOUT}"],
        cwd=CHECKOUT,
        check=False,
        capture_output=True,
        text=True,
    )
    return read_report(ended.stdout, ended.stderr, accepted, today)


def read_report(output: str, errors: str, accepted: Sequence[Accepted], today: dt.date) -> Report:
    """Read what pip-audit printed; without a report, its last line says why."""
    try:
        dependencies = json.loads(output)["dependencies"]
    except ValueError:
        lines = errors.strip().splitlines() or ["it printed nothing"]
        return Report(failure=lines[-1][:200])
    report = Report()
    for each in dependencies:
        if "skip_reason" in each:
            report.unknown.append(each["name"])
            continue
        report.audited += 1
        for found in each["vulns"]:
            _add(report, each, found, accepted, today)
    return report


def _add(
    report: Report,
    package: dict[str, Any],
    found: dict[str, Any],
    accepted: Sequence[Accepted],
    today: dt.date,
) -> None:
    names = {found["id"], *found.get("aliases", [])}
    fixed = ", ".join(found["fix_versions"]) or "no version"
    text = f"{package['name']} {package['version']}: {found['id']}, fixed in {fixed}"
    for entry in accepted:
        if entry.package == package["name"] and entry.id in names:
            if today <= entry.until:
                report.accepted.append(f"{text}; until {entry.until}: {entry.reason}")
                return
            text += f"; it was accepted until {entry.until}"
    report.vulnerable.append(text)


def summary(report: Report) -> str:
    if report.failure:
        return f"NOT TRIED, the service is not reachable: {report.failure}"
    counts = f"{report.audited} packages audited, {len(report.vulnerable)} vulnerabilities"
    if report.accepted:
        counts = f"{counts}, {len(report.accepted)} accepted"
    if report.unknown:
        return f"{counts}, {len(report.unknown)} NOT TRIED: the service says nothing of them"
    return counts


def status(reports: list[Report], *, required: bool) -> int:
    """Return 1 if a vulnerability was found, or if all had to be looked up and some were not."""
    if any(report.vulnerable for report in reports):
        return 1
    complete = all(report.audited and not report.unknown for report in reports)
    return 1 if required and not complete else 0


if __name__ == "__main__":
    sys.exit(main())
