"""The cost of making and checking policies with very many rules."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from benchmarks.stack import rule_path
from jwt_wsgi import Policy, scope


def policy(job: Mapping[str, Any]) -> dict[str, float]:
    """Return the microseconds of processor time a rule, of a policy's construction and of its lint."""
    count = job["rules"]
    rules = {rule_path(number): scope(f"read:{number // 100}") for number in range(count)}
    started = time.process_time_ns()
    many_rules = Policy(rules)
    constructed = time.process_time_ns()
    findings = many_rules.lint()
    ended = time.process_time_ns()
    if findings:
        raise RuntimeError(f"the rules have findings, such as {findings[0]}")
    return {
        f"construction of {count} rules": (constructed - started) / 1000 / count,
        f"lint of {count} rules": (ended - constructed) / 1000 / count,
    }
