"""Writes the table of the paper's claims into the README, from the claims.json of a report.

    rnn-capacity report --storage sqlite:///reproduction.db --out report
    python tools/claims_table.py report/claims.json

Keeps a copy of the claims in tools/results, from which the documentation has its table.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from measuring import RESULTS, script_parser
from recording import ROOT, markdown_table

from rnn_capacity.formatting import format_value
from rnn_capacity.report.results import PROTOCOLS

README = ROOT / "README.md"
STORED = RESULTS / "claims.json"

BEGIN, END = "<!-- claims: written by tools/claims_table.py -->\n", "\n\n<!-- end of claims -->"

Claim = dict[str, Any]
"""A claim in the form of claims.json."""


def measured(claim: Claim) -> str:
    """Write a claim's verdict with the measured value and its 95 % interval, such as "holds: 4.9 (4.8 to 5.1)"."""
    verdict = claim["verdict"] if claim["verdict"] == "not enough data" else f"**{claim['verdict']}**"
    if claim["measured"] is None:
        return verdict
    interval = [format_value(claim[end]) for end in ("low", "high") if claim[end] is not None]
    return f"{verdict}: {format_value(claim['measured'])}" + (f" ({' to '.join(interval)})" if interval else "")


def table(claims: list[Claim]) -> str:
    """Format claims as a Markdown table with a row for each claim and a column for each protocol.

    Args:
        claims: The content of claims.json; claims that are not on capacity have no protocol and stand in the first
            column.
    """
    rows = []
    for key in dict.fromkeys(claim["claim"] for claim in claims):
        judged = {claim["protocol"] or PROTOCOLS[0]: claim for claim in claims if claim["claim"] == key}
        first = judged[PROTOCOLS[0]]
        quantity = next((claim["quantity"] for claim in judged.values() if claim["quantity"]), "")
        ours = [measured(judged[protocol]) if protocol in judged else "" for protocol in PROTOCOLS]
        cells = (key, first["statement"], first["published"], quantity, *ours)
        rows.append([cell.replace("|", "\\|") for cell in cells])
    return markdown_table(("", "claim", "published", "measured", *PROTOCOLS), rows)


def with_table(text: str, claims: list[Claim]) -> str:
    """Return a text in which the table of claims stands between the two marks.

    Raises:
        ValueError: If the text lacks one of the marks.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"README.md must have the lines {BEGIN.strip()} and {END.strip()}")
    return f"{before}{begin}{table(claims)}{end}{after}"


def main() -> None:
    """Copy a report's claims to the results and write their table into the README."""
    parser = script_parser(__doc__)
    parser.add_argument("claims", type=Path, help="the report's claims.json")
    path = parser.parse_args().claims
    text = with_table(README.read_text(encoding="utf-8"), json.loads(path.read_text(encoding="utf-8")))
    if path.resolve() != STORED.resolve():
        shutil.copyfile(path, STORED)
    README.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
