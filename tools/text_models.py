"""Compares recurrent language models of characters with Kneser-Ney n-grams on a text: a table and a figure of the docs.

    OMP_NUM_THREADS=2 python tools/text_models.py --path FILE
    OMP_NUM_THREADS=2 python tools/text_models.py --path FILE --plain --cells gru lstm

Runs `rnn-capacity fit --config configs/text.yaml` for each cell, one after another, each in a process of its own;
--plain trains without layer normalisation, dropout and weight decay, by Adam. Options that the script does not know go
to that command. The n-grams are nltk's, on the same parts of the same text. A
run that is already in the results is not run again. The runs' directories, with the checkpoints, stay under --runs.
"""

from __future__ import annotations

import csv
import hashlib
import os
from pathlib import Path
from typing import Any

from measuring import CELLS, script_parser
from recording import ROOT, Run, figure, fit, load_results, markdown_table, measure_missing, save_results

from rnn_capacity.tasks.language.corpus import read_text, split_bounds

ORDERS = (5, 6, 7)

PLAIN = (
    "--model.layer_norm=false",
    "--model.recurrent_dropout=0",
    "--model.optimizer.class_path=torch.optim.Adam",
    "--model.optimizer.lr=0.005",
    "--model.optimizer.weight_decay=0",
    "--data.batch_size=32",
)
"""Options of `fit` by which a network is trained with Adam and without regularisation."""


def train(options: list[str], runs: Path) -> Run:
    """Make one run of configs/text.yaml in a process of its own.

    Args:
        options: More options of the command.
        runs: Folder that gets the run's directory.

    Returns:
        The run's summary, its validations as (step, bits per character), its directory, and how busy the machine was.
    """
    summary, directory = fit("text.yaml", ["--trainer.enable_progress_bar=false", *options], runs)
    with (directory / "metrics.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row.get("val/bits_per_character")]
    return {
        **summary,
        "curve": [(int(float(row["step"])), float(row["val/bits_per_character"])) for row in rows],
        "run": os.path.relpath(directory, runs),
        "threads": os.environ.get("OMP_NUM_THREADS"),
        "load_average": os.getloadavg()[1],
    }


def table(results: dict[str, Any]) -> str:
    """Format the results of networks and n-grams as a Markdown table, one row per model."""
    rows: list[tuple[object, ...]] = []
    for run in results["runs"]:
        size = run["units"], f"{run['parameters']:,}", f"{run['steps']:,}"
        rows.append((run["cell"].upper(), *size, f"{run['seconds']:.0f}", *bits_of(run)))
    for model in results["ngrams"]:
        name = f"Kneser-Ney {model['order']}-gram, discount {model['discount']:g}"
        seconds = model["seconds_counting"] + model["seconds_scoring"]
        rows.append((name, "", f"{model['ngrams']:,} counts", "", f"{seconds:.0f}", *bits_of(model)))
    header = ("model", "units", "parameters", "steps", "seconds", "val bits per character", "test")
    return markdown_table(header, rows)


def bits_of(run: Run) -> list[str]:
    """Format a run's bits per character on the validation and the test part, with three decimals."""
    return [f"{run[name]:.3f}" for name in ("val_bits_per_character", "bits_per_character")]


def draw(results: dict[str, Any], path: Path) -> None:
    """Draw the networks' validation bits per character by optimizer step, with n-grams as horizontal lines."""
    with figure(path, size=(7, 3.4)) as (axes,):
        for run, marker in zip(results["runs"], "osD^v", strict=False):
            label = f"{run['cell'].upper()}{', regularised' if not {*PLAIN} <= {*run['options']} else ''}"
            axes.plot(*zip(*run["curve"], strict=True), marker, linestyle="-", fillstyle="none", label=label)
        for model, style in zip(results["ngrams"], ("--", "-.", ":"), strict=False):
            label = f"Kneser-Ney {model['order']}-gram"
            axes.axhline(model["val_bits_per_character"], color="black", linestyle=style, linewidth=1, label=label)
        axes.set_xlabel("optimizer steps")
        axes.set_ylabel("validation bits per character")
        axes.legend(frameon=False)


def main() -> None:
    """Train the models that the stored results lack, then print the table and draw the figure."""
    parser = script_parser(__doc__, out=True)
    parser.add_argument("--path", type=Path, required=True, help="the text, UTF-8")
    parser.add_argument("--runs", type=Path, default=ROOT / "runs/text", help="folder of the runs")
    parser.add_argument("--cells", nargs="*", default=["gru"], choices=list(CELLS), help="cells to train")
    parser.add_argument("--plain", action="store_true", help="train by Adam and without regularisation")
    parser.add_argument("--orders", nargs="*", type=int, default=ORDERS, help="n of the n-grams")
    arguments, options = parser.parse_known_args()
    if arguments.plain:
        options = [*PLAIN, "--trainer.max_steps=8000", *options]
    path = arguments.out / "text.json"
    text = read_text(str(arguments.path))
    corpus = {"characters": len(text), "sha256": hashlib.sha256(text.encode()).hexdigest()}

    def measure(wanted: Run) -> Run:
        return train([f"--data.path={arguments.path}", f"--model.cell={wanted['cell']}", *options], arguments.runs)

    wanted = [{"cell": cell, "options": options} for cell in arguments.cells]
    measure_missing(path, wanted, measure, identity=("cell", "options"), corpus=corpus)
    results = {"ngrams": [], **load_results(path, corpus=corpus)}
    known = [model["order"] for model in results["ngrams"]]
    if orders := [order for order in arguments.orders if order not in known]:
        from ngram import measure_ngrams

        results["ngrams"] += measure_ngrams(text, split_bounds(len(text), 0.1, 0.1), orders)
        save_results(path, results)
    print(table(results))
    draw(results, arguments.out / "text.png")


if __name__ == "__main__":
    main()
