"""Compares training on a small text from scratch with fine-tuning a network pretrained on another text.

    OMP_NUM_THREADS=2 python tools/fine_tuning.py --checkpoint runs/text/language/RUN/checkpoints/last.ckpt

The small text is the beginning of Python's own help topics. Every start gets the same steps and the same learning
rates, each a run of `rnn-capacity fit` in a process of its own, without regularisation; a start's figures are those
of the rate with the fewest validation bits at the end. Options that the script does not know go to that command. A run
that is already in the results is not run again.
"""

from __future__ import annotations

import hashlib
import json
import platform
import tempfile
from itertools import product
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any

from measuring import machine, script_parser
from recording import Run, markdown_table, measure_missing
from text_models import PLAIN, bits_of, train

RATES = (0.001, 0.003, 0.01, 0.02, 0.03)
SMALL = 128
"""Number of units of the smaller network that is trained from scratch, which overfits less."""


def starts(units: int, checkpoint: Path) -> dict[str, list[str]]:
    """Return the `fit` options of each way to start training, such as "from scratch" and "fine-tuned".

    Args:
        units: Units of the checkpoint's network.
        checkpoint: The pretrained network's checkpoint.
    """
    warm = [f"--model.hidden_size={units}", f"--model.init_from={checkpoint}"]
    return {
        "from scratch": [f"--model.hidden_size={units}"],
        "from scratch, fewer units": [f"--model.hidden_size={SMALL}"],
        "fine-tuned": warm,
        "fine-tuned, recurrent layer at 0.3 of the rate": [*warm, "--model.layer_rates=[0.3]"],
        "fine-tuned, recurrent layer frozen": [*warm, "--model.freeze=[0]"],
    }


def table(runs: list[Run]) -> str:
    """Format a Markdown table with the best learning rate's run for each way to start, by the last validation."""
    rows = []
    for start in dict.fromkeys(run["start"] for run in runs):
        run = min((run for run in runs if run["start"] == start), key=lambda run: run["val_bits_per_character"])
        val, test = bits_of(run)
        lowest = min(bits for _, bits in run["curve"])
        effort = f"{run['rate']:g}", f"{run['steps']:,}", f"{run['seconds']:.0f}"
        rows.append((start, run["units"], *effort, val, f"{lowest:.3f}", test))
    header = ("start", "units", "best rate", "steps", "seconds", "val bits per character", "lowest on the way", "test")
    return markdown_table(header, rows)


def main() -> None:
    """Make the training runs that the stored results lack, then print the table."""
    parser = script_parser(__doc__, out=True)
    parser.add_argument("--checkpoint", type=Path, required=True, help="of a run of text_models.py --plain")
    parser.add_argument("--characters", type=int, default=75_000, help="length of the small text")
    parser.add_argument("--steps", type=int, default=500, help="optimizer steps of every run")
    parser.add_argument("--rates", nargs="*", type=float, default=RATES, help="learning rates")
    arguments, options = parser.parse_known_args()
    learnt = json.loads((arguments.checkpoint.parent.parent / "summary.json").read_text())
    text = " ".join(topics.values())[: arguments.characters]
    setting: dict[str, Any] = {
        "pretrained": {name: learnt[name] for name in ("cell", "units", "steps", "val_bits_per_character")},
        "text": {"characters": len(text), "symbols": len(set(text)), "python": platform.python_version()},
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
        "options": [f"--trainer.max_steps={arguments.steps}", *options],
    }
    ways = starts(learnt["units"], arguments.checkpoint.resolve())

    def measure(wanted: Run) -> Run:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "topics.txt"
            file.write_text(text, encoding="utf-8")
            given = [*PLAIN, f"--data.path={file}", "--data.unknown=_", "--data.batch_size=16"]
            given += [f"--model.cell={learnt['cell']}", "--model.max_parameters=null", *ways[wanted["start"]]]
            given += [f"--model.optimizer.lr={wanted['rate']}", *setting["options"]]
            run = train(given, Path(folder) / "runs")
        del run["run"]  # a path that is gone
        return run

    wanted = [{"start": start, "rate": rate} for start, rate in product(ways, arguments.rates)]
    path = arguments.out / "fine_tuning.json"
    runs = measure_missing(path, wanted, measure, identity=("start", "rate"), setting=setting)
    print(machine(), json.dumps(setting))
    print(table(runs))


if __name__ == "__main__":
    main()
