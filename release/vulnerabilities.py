"""Look up the pinned packages among the known vulnerabilities, with pip-audit.

A package that was found vulnerable and a package that could not be looked up are two things:
pip-audit ends well if its service is missing or knows none of the packages, so its report is read.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import sysconfig
from dataclasses import dataclass, field
from pathlib import Path

from release.declared import CHECKOUT

#: Everything that the commands install. app.txt and docs.txt hold a part of test.txt.
LOCKS = tuple(f"requirements/{name}.txt" for name in ("test", "fuzz", "mutmut", "tools"))
#: Seconds that the service has for an answer.
TIMEOUT = "15"


@dataclass
class Report:
    """What the service said of the pins of a file; `failure` says why it said nothing."""

    vulnerable: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    audited: int = 0
    failure: str = ""


def main() -> int:
    options = argparse.ArgumentParser(prog="make audit AUDIT_ARGS=…")
    options.add_argument("--require-service", action="store_true")
    required = options.parse_args().require_service
    reports = [report_of(lock) for lock in LOCKS]
    for text in (text for report in reports for text in report.vulnerable):
        print(f"VULNERABLE: {text}")
    for lock, report in zip(LOCKS, reports, strict=True):
        print(f"vulnerabilities: {lock}: {summary(report)}")
    return status(reports, required=required)


def report_of(lock: str) -> Report:
    pip_audit = Path(sysconfig.get_path("scripts")) / "pip-audit"
    options = ["--requirement", lock, "--require-hashes", "--disable-pip", "--format=json"]
    ended = subprocess.run(
        [pip_audit, *options, "--progress-spinner=off", f"--timeout={TIMEOUT}"],
        cwd=CHECKOUT,
        check=False,
        capture_output=True,
        text=True,
    )
    return read_report(ended.stdout, ended.stderr)


def read_report(output: str, errors: str) -> Report:
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
        report.vulnerable += [
            f"{each['name']} {each['version']}: {found['id']}, fixed in "
            f"{', '.join(found['fix_versions']) or 'no version'}"
            for found in each["vulns"]
        ]
    return report


def summary(report: Report) -> str:
    if report.failure:
        return f"NOT TRIED, the service is not reachable: {report.failure}"
    counts = f"{report.audited} packages audited, {len(report.vulnerable)} vulnerabilities"
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
