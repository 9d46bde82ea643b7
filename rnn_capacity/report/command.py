"""The command `rnn-capacity report`, which writes an HTML page from the studies of a storage."""

from __future__ import annotations

from pathlib import Path

from rnn_capacity.messages import CommandParser, fail
from rnn_capacity.published_runs import read_published
from rnn_capacity.report.authors import author_rows
from rnn_capacity.report.page import make_report, write_report
from rnn_capacity.report.stored import read_studies
from rnn_capacity.studies import StorageError, hide_password


def report_parser() -> CommandParser:
    """Create the argument parser of the command `rnn-capacity report`."""
    parser = CommandParser(
        prog="rnn-capacity report",
        description="Write a page with the paper's figures, tables and claims as the studies of a storage measured "
        "them, and with the studies of your own cells and tasks.",
        allow_abbrev=False,
    )
    parser.add_argument("--storage", required=True, help="The storage's URL, as for search: sqlite:///FILE, ...")
    parser.add_argument(
        "--study",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME",
        help="Studies, or grids by the beginning of their names; all by default.",
    )
    parser.add_argument(
        "--published",
        metavar="DIR",
        help="The folder of the authors' published runs (rnn_hp_dataset), which are shown beside ours.",
    )
    parser.add_argument("--out", required=True, metavar="DIR", help="The folder that the report is written to.")
    return parser


def report(argv: list[str]) -> None:
    """Run the command `rnn-capacity report`.

    Args:
        argv: Its options.

    Raises:
        SystemExit: After one line: with 2 if an option is wrong, before anything is written; with 1 if the storage
            failed or a file cannot be written.
    """
    options = report_parser().parse_args(argv)
    folder = Path(options.out)
    try:
        if folder.exists() and not folder.is_dir():
            raise ValueError(f"out must be a folder, got {options.out!r}")
        studies, notes = read_studies(options.storage, options.study)
        authors, more = author_rows(read_published(options.published)) if options.published else ([], [])
        if not any(study.rows for study in studies) and not authors:
            raise ValueError(f"storage must have finished trials, got none in {hide_password(options.storage)}")
        write_report(make_report(studies, authors, [*notes, *more], hide_password(options.storage)), folder)
    except ValueError as error:
        fail(str(error))
    except StorageError as error:
        fail(str(error), code=1)
    except OSError as error:
        fail(f"{error.filename or folder} could not be written: {error.strerror}", code=1)
    print(f"report: {folder / 'index.html'}")
