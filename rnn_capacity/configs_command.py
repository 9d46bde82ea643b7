"""The command `rnn-capacity configs`, which lists and copies the shipped configs and sweeps."""

from __future__ import annotations

from pathlib import Path

from rnn_capacity.files import local_folder, make_folder, write_atomically
from rnn_capacity.messages import CommandParser, fail
from rnn_capacity.shipped import FOLDERS, Kind, shipped_files


def configs_parser() -> CommandParser:
    """Create the argument parser of the command `rnn-capacity configs`."""
    parser = CommandParser(
        prog="rnn-capacity configs",
        description="List the shipped configs and sweeps with the options that take them by name, or copy them in "
        "order to change them.",
        allow_abbrev=False,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="Configs and sweeps of these names; all by default.")
    parser.add_argument(
        "--to",
        metavar="DIR",
        help="The folder to copy them to, sweeps to DIR/sweeps; a file that exists is not overwritten.",
    )
    return parser


def configs(argv: list[str]) -> None:
    """Run the command `rnn-capacity configs`.

    Args:
        argv: Its options.

    Raises:
        SystemExit: After one line: with 2 if an option is wrong or a file exists, before anything is written; with 1
            if a file cannot be written.
    """
    options = configs_parser().parse_args(argv)
    try:
        chosen = choose(options.names)
        if options.to is None:
            show(chosen)
        else:
            copy(chosen, Path(local_folder("to", options.to)))
    except ValueError as error:
        fail(str(error))
    except OSError as error:
        fail(f"{error.filename} could not be written: {error.strerror}", code=1)


def choose(names: list[str]) -> dict[tuple[Kind, str], Path]:
    """Return the paths of the shipped configs and sweeps with given names, or of all if no name is given.

    Raises:
        ValueError: If there is none of a name.
    """
    shipped = {(kind, name): path for kind in FOLDERS for name, path in shipped_files(kind).items()}
    known = dict.fromkeys(name for _, name in shipped)
    for name in names:
        if name not in known:
            raise ValueError(f"NAME must be one of {', '.join(known)}; got {name!r}")
    return {key: path for key, path in shipped.items() if not names or key[1] in names}


def show(chosen: dict[tuple[Kind, str], Path]) -> None:
    """Print a line for each shipped file: the option to use it, and the comment in its first line."""
    options = [f"--{kind} {name}" for kind, name in chosen]
    for option, path in zip(options, chosen.values(), strict=True):
        comment = path.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
        print(f"{option:{max(map(len, options))}}  {comment}")


def copy(chosen: dict[tuple[Kind, str], Path], folder: Path) -> None:
    """Copy shipped configs and sweeps to a folder, and print the path of each copy.

    Raises:
        ValueError: If the folder has one of them already, or cannot be written to; nothing is copied then.
        OSError: If a file cannot be written.
    """
    copies = {folder / FOLDERS[kind] / path.name: path for (kind, _), path in chosen.items()}
    for copied in copies:
        if copied.exists():
            raise ValueError(f"to must be a folder without {copied.relative_to(folder)}, got {str(folder)!r}")
    for parent in dict.fromkeys(copied.parent for copied in copies):
        make_folder("to", parent)
    for copied, path in copies.items():
        write_atomically(copied, path.read_bytes())
        print(copied)
