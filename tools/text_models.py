"""How well networks predict a text's next character, beside Kneser-Ney n-grams: the README's table and figure.

    OMP_NUM_THREADS=2 python tools/text_models.py --path FILE

Runs `rnn-capacity fit --config configs/text.yaml` for each cell, one after another, each in a process of its own;
options it does not know go to that command. The n-grams are nltk's, on the same parts of the same text. A run that is
already in the results is not run again. The runs' directories, with the checkpoints, stay under --runs.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
from machine import machine
from ngram import measure_ngrams

mpl.use("Agg")
import matplotlib.pyplot as plt

from rnn_capacity.tasks.language.corpus import read_text, split_bounds

ROOT = Path(__file__).parent.parent
CELLS = ("gru", "lstm")
ORDERS = (5, 6, 7)


def train(options: list[str], runs: Path) -> dict[str, Any]:
    """Make one run of configs/text.yaml in a process of its own.

    Args:
        options: For the command.
        runs: Folder that gets the run's directory.

    Returns:
        The run's summary, its validations as (step, bits per character), its directory, and how busy the machine was.
    """
    command = [sys.executable, "-m", "rnn_capacity", "fit", "--config", str(ROOT / "configs/text.yaml")]
    command += ["--trainer.enable_progress_bar=false", f"--trainer.default_root_dir={runs}", *options]
    before = set(runs.glob("*/*/summary.json"))
    subprocess.run(command, check=True)
    (path,) = set(runs.glob("*/*/summary.json")) - before
    with (path.parent / "metrics.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row.get("val/bits_per_character")]
    curve = [(int(float(row["step"])), float(row["val/bits_per_character"])) for row in rows]
    return {
        **json.loads(path.read_text()),
        "options": options,
        "curve": curve,
        "run": os.path.relpath(path.parent, runs),
        "threads": os.environ.get("OMP_NUM_THREADS"),
        "load_average": os.getloadavg()[1],
    }


def table(results: dict[str, Any]) -> str:
    """The results as a Markdown table."""
    lines = [
        "| model | units | parameters | steps | seconds | val bits per character | test |",
        "|---|---|---|---|---|---|---|",
    ]
    for run in results["networks"]:
        size = f"{run['units']} | {run['parameters']:,} | {run['steps']:,} | {run['seconds']:.0f}"
        bits = f"{run['val_bits_per_character']:.3f} | {run['bits_per_character']:.3f}"
        lines.append(f"| {run['cell'].upper()} | {size} | {bits} |")
    for model in results["ngrams"]:
        seconds = model["seconds_counting"] + model["seconds_scoring"]
        bits = f"{model['val_bits_per_character']:.3f} | {model['bits_per_character']:.3f}"
        name = f"Kneser-Ney {model['order']}-gram, discount {model['discount']:g}"
        lines.append(f"| {name} |  | {model['ngrams']:,} counts |  | {seconds:.0f} | {bits} |")
    return "\n".join(lines)


def figure(results: dict[str, Any], path: Path) -> None:
    """Validation bits per character against optimizer steps; the n-grams as horizontal lines."""
    axes: Any
    picture, axes = plt.subplots(figsize=(7, 3.4), layout="constrained")
    for run, marker in zip(results["networks"], "os", strict=False):
        steps, bits = zip(*run["curve"], strict=True)
        label = f"{run['cell'].upper()}, {run['parameters']:,} parameters"
        axes.plot(steps, bits, marker, linestyle="-", fillstyle="none", label=label)
    for model, style in zip(results["ngrams"], ("--", "-.", ":"), strict=False):
        label = f"Kneser-Ney {model['order']}-gram"
        axes.axhline(model["val_bits_per_character"], color="black", linestyle=style, linewidth=1, label=label)
    axes.set_xlabel("optimizer steps")
    axes.set_ylabel("validation bits per character")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    picture.savefig(path, dpi=150)


def main() -> None:
    """Measure what is missing, then print the table and draw the figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--path", type=Path, required=True, help="the text, UTF-8")
    parser.add_argument("--out", type=Path, default=ROOT / "tools/results", help="folder of the results")
    parser.add_argument("--runs", type=Path, default=ROOT / "runs/text", help="folder of the runs")
    parser.add_argument("--cells", nargs="*", default=CELLS, help="cells to train")
    parser.add_argument("--orders", nargs="*", type=int, default=ORDERS, help="n of the n-grams")
    arguments, options = parser.parse_known_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    path = arguments.out / "text.json"
    text = read_text(str(arguments.path))
    corpus = {"characters": len(text), "sha256": hashlib.sha256(text.encode()).hexdigest()}
    results: dict[str, Any] = {"machine": machine(), "corpus": corpus, "networks": [], "ngrams": []}
    if path.is_file() and (known := json.loads(path.read_text()))["corpus"] == corpus:
        results |= {name: known[name] for name in ("networks", "ngrams")}
    for cell in arguments.cells:
        given = [f"--model.cell={cell}", *options]
        if any(run["options"] == given for run in results["networks"]):
            continue
        run = train([f"--data.path={arguments.path}", *given], arguments.runs)
        results["networks"] = [old for old in results["networks"] if old["cell"] != cell] + [run | {"options": given}]
        path.write_text(json.dumps(results, indent=1) + "\n")
    orders = [order for order in arguments.orders if order not in [model["order"] for model in results["ngrams"]]]
    if orders:
        results["ngrams"] += measure_ngrams(text, split_bounds(len(text), 0.1, 0.1), orders)
        path.write_text(json.dumps(results, indent=1) + "\n")
    print(results["machine"])
    print(table(results))
    figure(results, arguments.out / "text.png")


if __name__ == "__main__":
    main()
