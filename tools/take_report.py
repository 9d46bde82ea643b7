"""Writes the table of the paper's claims into the README and draws its first figure, from the folder of a report.

    rnn-capacity report --storage sqlite:///reproduction.db --out report
    python tools/take_report.py report

Keeps copies of the claims and of the figure's points in tools/results, from which the documentation has its tables. The
figure shows the bits per parameter by network size and cell after the best training, at the least depth of each cell.
"""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

from measuring import CELLS, RESULTS, script_parser
from recording import ROOT, Run, figure, markdown_table, save_results

from rnn_capacity.formatting import format_value
from rnn_capacity.report.results import CELL_LABELS, PROTOCOLS

README = ROOT / "README.md"
STORED = RESULTS / "claims.json"

BEGIN, END = "<!-- claims: written by tools/take_report.py -->\n", "\n\n<!-- end of claims -->"

NUMBERS = ("parameters", "bits per parameter", "low", "high", "trials")
"""Columns of the figure's points that are numbers, or empty."""

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
        claims: The content of claims.json; claims that are not about capacity have no protocol and stand in the
            column of the paper's.
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


def read_points(path: Path) -> list[Run]:
    """Read the points of Fig. 1 after the best training, at each cell's least depth, from a CSV table of a report."""
    with path.open(encoding="utf-8") as file:
        points = [point for point in csv.DictReader(file) if point["source"] == "ours"]
    parts = {CELL_LABELS[cell]: f"{PROTOCOLS[1]}, depth {facts.depth}" for cell, facts in CELLS.items()}
    chosen = [point for point in points if point["part"] == parts.get(point["cell"])]
    return [{**point, **{name: json.loads(point[name] or "null") for name in NUMBERS}} for point in chosen]


def draw(points: list[Run], path: Path) -> None:
    """Draw bits per parameter against parameters, a line for each cell, with the paper's average."""
    with figure(path, size=(7, 3.6)) as (axes,):
        for label, marker in zip(dict.fromkeys(point["cell"] for point in points), "osD^vP", strict=False):
            own = [point for point in points if point["cell"] == label]
            sizes, bits = ([point[name] for point in own] for name in ("parameters", "bits per parameter"))
            below = [point["bits per parameter"] - point["low"] if point["low"] else 0.0 for point in own]
            axes.errorbar(sizes, bits, [below, [0.0] * len(own)], marker=marker, capsize=3, label=label)
        axes.axhline(5, color="gray", linestyle="--", linewidth=1, label="paper's average")
        axes.set_xscale("log")
        axes.set_xticks([300, 700, 2000, 7000], ["300", "700", "2,000", "7,000"], minor=False)
        axes.set_xticks([], minor=True)
        axes.set_xlabel("parameters")
        axes.set_ylabel("bits per parameter")
        axes.legend(frameon=False, ncols=2)


def main() -> None:
    """Copy a report's claims and points to the results, write the README's table and draw its figure."""
    parser = script_parser(__doc__)
    parser.add_argument("report", type=Path, help="the report's folder")
    report = parser.parse_args().report
    claims = json.loads((report / "claims.json").read_text(encoding="utf-8"))
    text = with_table(README.read_text(encoding="utf-8"), claims)
    points = read_points(report / "tables/fig1_bits_per_parameter.csv")
    shutil.copyfile(report / "claims.json", STORED)
    save_results(RESULTS / "capacity_by_size.json", points)
    draw(points, RESULTS / "capacity_by_size.svg")
    README.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
