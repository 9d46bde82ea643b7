"""Command lines in the documentation are accepted by the program, and its links lead somewhere."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml
from pytorch_lightning.cli import LightningArgumentParser

from rnn_capacity.cli import COMMANDS, check_files, main
from rnn_capacity.commands import CapacityCLI
from rnn_capacity.parsing import keep_text
from rnn_capacity.report.command import report_parser
from rnn_capacity.reproduce import read_arguments
from rnn_capacity.search import parse_sweep
from rnn_capacity.search.arguments import read_command_line
from tests.program import CONFIGS

ROOT = CONFIGS.parent
DOCS = ROOT / "tools" / "docs"
README = ROOT / "README.md"
PAGES = sorted(path for path in DOCS.rglob("*.md") if "_build" not in path.parts)

FENCE = re.compile(r"^(`{3,}|:{3,})(.*?)\n(.*?)^\1\s*$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    page: Path
    kind: str
    text: str


BLOCKS = [
    Block(path, kind.strip(), text)
    for path in (README, *PAGES)
    for _, kind, text in FENCE.findall(path.read_text(encoding="utf-8"))
]


def command_lines(block: Block) -> Iterator[list[str]]:
    """Split a block of shell commands into the words of each, up to a redirection."""
    for line in block.text.replace("\\\n", " ").splitlines():
        for part in line.split(" && "):
            words = shlex.split(part, comments=True)
            yield words[: words.index(">")] if ">" in words else words


def commands_in_text() -> Iterator[list[str]]:
    """Find the whole commands that stand within sentences and tables."""
    for path in (README, *PAGES):
        text = FENCE.sub("", path.read_text(encoding="utf-8"))
        for line in re.findall(r"`((?:\w+=\S+ )?(?:rnn-capacity|python) [^`]+)`", text):
            words = shlex.split(line)
            if len(words) > 2 or words[1] not in COMMANDS:  # otherwise it is the command's name
                yield words


SHELL = [words for block in BLOCKS if block.kind == "bash" for words in command_lines(block)] + [*commands_in_text()]
PROGRAM = [words[words.index("rnn-capacity") + 1 :] for words in SHELL if "rnn-capacity" in words]
SCRIPTS = [words[words.index("python") + 1 :] for words in SHELL if "python" in words]


def distinct(commands: list[list[str]]) -> list[list[str]]:
    """Leave out repeated commands."""
    return [list(words) for words in dict.fromkeys(map(tuple, commands))]


@pytest.fixture(scope="module")
def parser() -> LightningArgumentParser:
    """The parser of the commands that are Lightning's, which takes half a second to make."""
    found: list[LightningArgumentParser] = []

    def stop(cli: CapacityCLI, parser: LightningArgumentParser, args: list[str]) -> None:
        found.append(parser)
        sys.exit(0)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CapacityCLI, "parse_arguments", stop)
        with pytest.raises(SystemExit):
            main(["fit"])
    return found[0]


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Change to a folder that has the shipped configs."""
    (tmp_path / "configs").symlink_to(CONFIGS)
    monkeypatch.chdir(tmp_path)


def make_run(checkpoint: str) -> None:
    """Make the files of a run, as far as the command line needs them, in the folder runs/TASK/NAME."""
    run = Path(checkpoint).parent.parent
    Path(checkpoint).parent.mkdir(parents=True)
    Path(checkpoint).touch()
    shutil.copy(CONFIGS / f"{run.parent.name}.yaml", run / "config.yaml")


@pytest.mark.usefixtures("checkout")
@pytest.mark.parametrize("arguments", distinct(PROGRAM), ids=" ".join)
def test_the_program_accepts_a_command_line_of_the_docs(
    arguments: list[str], parser: LightningArgumentParser, capsys: pytest.CaptureFixture[str]
) -> None:
    for word in {word for word in arguments if word.endswith(".ckpt")}:
        make_run(word)
    command, *options = arguments
    if command.startswith("-"):
        with pytest.raises(SystemExit, match="0"):
            main(arguments)
    elif command == "search":
        read_command_line(check_files(command, options))
    elif command == "report":
        report_parser().parse_args(options)
    elif command == "reproduce":
        read_arguments(options)
    else:
        words = keep_text([command, *check_files(command, options)])
        if "help" in " ".join(options) or "--print_config" in options:
            with pytest.raises(SystemExit, match="0"):
                parser.parse_args(words)
            assert capsys.readouterr().out
        else:
            assert parser.parse_args(words)[command].data is not None


@pytest.mark.parametrize("words", distinct(SCRIPTS), ids=" ".join)
def test_a_script_of_the_docs_exists_and_has_the_options(words: list[str]) -> None:
    if words[0] == "-c":
        compile(words[1], "docs", "exec")
        return
    script = ROOT / words[0]
    sources = "".join(path.read_text(encoding="utf-8") for path in (script, ROOT / "tools" / "measuring.py"))
    for option in [word for word in words if re.match(r"--(?!(model|data|trainer)\.)", word)]:
        assert f'"{option.partition("=")[0]}"' in sources


@pytest.mark.parametrize(
    "block", [block for block in BLOCKS if block.kind == "yaml"], ids=lambda block: block.page.stem
)
def test_a_yaml_block_of_the_docs_is_a_sweep(block: Block) -> None:
    assert parse_sweep(yaml.safe_load(block.text)).space.parameters


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as MyST makes them."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(DOCS).as_posix())
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
    assert {page.with_suffix("") for page in PAGES} - {DOCS / "index"} == listed
