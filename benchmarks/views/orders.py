"""The work of the measured view, which every framework does in the same way.

The view takes an order as JSON, checks its lines, prices them with decimal numbers, renders a short
confirmation with the template engine of its framework, and answers with JSON. It uses no database.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from operator import itemgetter
from typing import Any

#: The path of an order; the framework converts the number.
PATH = "/api/orders/1042/lines"

#: The scope that a token needs for this view.
SCOPE = "write:orders"

#: The number of lines of the measured order: the bare view then costs about 350 µs.
LINES = 75

#: The number of lines that the confirmation shows.
SHOWN = 3

PRICES: Mapping[str, Decimal] = {
    f"part-{number}": Decimal(499 + 137 * number) / 100 for number in range(80)
}
VAT_FACTOR = Decimal("1.19")
CENT = Decimal("0.01")

#: The template of the confirmation. The template languages of Flask and Django both read it.
TEMPLATE = """<h1>Order {{ number }}</h1>
<table>
{% for line in dearest %}<tr><td>{{ line.part }}</td><td>{{ line.quantity }}</td><td>{{ line.price }}</td></tr>
{% endfor %}</table>
<p>Total with VAT: {{ total }}</p>
"""


def body() -> bytes:
    """Return the JSON of an order, as a client sends it."""
    lines = [{"part": f"part-{number}", "quantity": 1 + number % 5} for number in range(LINES)]
    return json.dumps({"customer": "c-1042", "lines": lines}).encode()


def confirmation(order: Any, number: int) -> dict[str, Any]:
    """Price an order; return the values for the template.

    Raises:
        ValueError: A line is invalid.
    """
    lines = []
    total = Decimal(0)
    for line in _lines(order):
        part = str(line.get("part"))
        quantity = line.get("quantity")
        if part not in PRICES or not isinstance(quantity, int) or not 1 <= quantity <= 100:
            raise ValueError(f"line={line!r}: name a part and a quantity from 1 to 100")
        net = (PRICES[part] * quantity).quantize(CENT)
        price = (net * VAT_FACTOR).quantize(CENT)
        lines.append({"part": part, "quantity": quantity, "net": net, "price": price})
        total += price
    dearest = sorted(lines, key=itemgetter("price"), reverse=True)[:SHOWN]
    return {"number": number, "lines": lines, "dearest": dearest, "total": total}


def _lines(order: Any) -> Sequence[Mapping[str, Any]]:
    lines = order.get("lines") if isinstance(order, dict) else None
    if not isinstance(lines, list) or not lines:
        raise ValueError("lines: give at least one line")
    return lines


def answer(values: Mapping[str, Any], text: str) -> dict[str, Any]:
    """Return the members of the answer, with the text of the confirmation."""
    lines = [
        {**line, "net": str(line["net"]), "price": str(line["price"])} for line in values["lines"]
    ]
    return {
        "order": values["number"],
        "lines": lines,
        "total": str(values["total"]),
        "confirmation": text,
    }
