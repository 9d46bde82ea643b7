"""The README and the documentation: links, headings, sweeps, scripts, and what is written from stored results."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from rnn_capacity import __version__
from rnn_capacity.search import parse_sweep
from tests.documentation import BLOCKS, DOCS, FENCE, PAGES, README, ROOT, Block, arguments_of

TOOLS = ROOT / "tools"


def page_name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def check_options(words: list[str]) -> None:
    """Check that a script exists and that it, or a module that scripts share, has or passes on a line's options."""
    script = ROOT / words[0]
    sources = "".join(path.read_text(encoding="utf-8") for path in (script, TOOLS / "measuring.py"))
    for option in [word for word in words if re.match(r"--(?!(model|data|trainer)\.)", word)]:
        name = option.partition("=")[0]
        passed_on = "parse_known_args" in sources and f'"{name}=' in sources  # as the script itself gives it
        assert f'"{name}"' in sources or passed_on


@pytest.mark.parametrize("words", arguments_of("python"), ids=" ".join)
def test_a_script_of_the_docs_exists_and_has_the_options(words: list[str]) -> None:
    if words[0] != "-c":  # these are run by tests/test_docs_commands.py
        check_options(words)


def test_the_commands_that_made_stored_results_have_their_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(DOCS)
    from stored_results import command_lines, read_results

    settings = {f"--{name}": name for name in ("loss", "trials", "population", "steps")}
    runs = read_results("search_capacity")["runs"]
    searches = command_lines("tools/search_capacity.py", runs, settings, ("", ""))
    memory = command_lines("tools/memory_curve.py", read_results("memory")["runs"], {}, ("--units", "units"))
    for line in (*searches, *memory):
        check_options(line.split()[1:])
    assert sum(len(line.partition("--loss")[0].split()) - 3 for line in searches) == len(runs)
    made = [{"cell": "rnn", "units": 16, "steps": 9, "options": ["--model.b_fg=1"]}]
    made += [{**made[0], "units": 32}, {**made[0], "cell": "gru"}, {**made[0], "cell": "gru", "units": 32}]
    made += [{**made[0], "cell": "lstm", "options": []}]
    assert command_lines("tools/x.py", made, {"--steps": "steps"}, ("--units", "units")) == [
        "python tools/x.py --cells rnn gru --units 16 32 --steps 9 --model.b_fg=1",
        "python tools/x.py --cells lstm --units 16 --steps 9",
    ]


@pytest.mark.parametrize(
    "block", [block for block in BLOCKS if block.kind == "yaml"], ids=lambda block: block.page.stem
)
def test_a_yaml_block_of_the_docs_is_a_sweep(block: Block) -> None:
    assert parse_sweep(yaml.safe_load(block.text)).space.parameters


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as MyST and GitHub make them."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_the_links_of_a_page_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)\s]+)\)", FENCE.sub(lambda block: block[3] * block[1].startswith(":"), text))
    for link in links:
        if re.match(r"https?://", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.is_file(), link
        if anchor:
            assert anchor in anchors(target), link


def test_every_page_is_in_a_table_of_contents() -> None:
    listed = {
        (block.page.parent / entry.strip()).resolve()
        for block in BLOCKS
        if block.kind == "{toctree}"
        for entry in block.text.splitlines()
        if entry.strip() and not entry.startswith(":")
    }
    assert {page.with_suffix("") for page in PAGES} - {DOCS / "index", ROOT / "README"} == listed


@pytest.fixture
def tools_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(TOOLS)  # scripts import their neighbours


@pytest.mark.usefixtures("tools_path")
def test_the_readme_is_short_has_the_stored_claims_and_cites_this_version() -> None:
    from take_report import with_table

    text = README.read_text(encoding="utf-8")
    claims = json.loads((TOOLS / "results" / "claims.json").read_text(encoding="utf-8"))
    assert len(text.splitlines()) <= 150
    assert with_table(text, claims) == text
    assert f"version = {{{__version__}}}" in text


@pytest.mark.usefixtures("tools_path")
def test_the_points_of_the_readmes_figure_are_those_of_the_best_training_at_the_least_depth(tmp_path: Path) -> None:
    from take_report import draw, read_points

    header = "part,cell,source,parameters,bits per parameter,low,high,trials,published,best trial,command\n"
    places = [("best training, depth 1", "RNN", "ours"), ("best training, depth 2", "RNN", "ours")]
    places += [("best training, depth 2", "+RNN", "ours"), ("best training, depth 1", "RNN", "authors")]
    places += [("paper's protocol, depth 1", "GRU", "ours")]
    rows = [f'"{part}",{cell},{source},281.0,3.5,,3.5,1,,,' for part, cell, source in places]
    (tmp_path / "table.csv").write_text(header + "\n".join(rows))
    points = read_points(tmp_path / "table.csv")
    assert [(point["cell"], point["bits per parameter"], point["low"]) for point in points] == [
        ("RNN", 3.5, None),
        ("+RNN", 3.5, None),
    ]
    draw(points, tmp_path / "figure.svg")
    assert (tmp_path / "figure.svg").stat().st_size > 1000


@pytest.mark.usefixtures("tools_path")
def test_the_table_of_claims_has_a_row_for_each_claim_and_a_column_for_each_protocol() -> None:
    from take_report import table, with_table

    facts = {"statement": "|t| is large", "published": "5", "quantity": "t", "low": 4.0, "high": 6.0, "measured": 5.25}
    claims = [
        {**facts, "claim": "C1", "protocol": "paper's protocol", "verdict": "holds"},
        {**facts, "claim": "C1", "protocol": "best training", "verdict": "not enough data", "low": None, "high": None},
        {**facts, "claim": "C2", "protocol": "", "verdict": "not enough data", "measured": None},
    ]
    assert table(claims).splitlines()[2:] == [
        r"| C1 | \|t\| is large | 5 | t | **holds**: 5.25 (4 to 6) | not enough data: 5.25 |",
        r"| C2 | \|t\| is large | 5 | t | not enough data |  |",
    ]
    with pytest.raises(ValueError, match=r"README\.md must have the lines"):
        with_table("# Title", claims)
