"""A small text learnt from scratch and from the weights of a run on another text: the README's fine-tuning figures.

    OMP_NUM_THREADS=2 python tools/fine_tuning.py --checkpoint runs/text/language/RUN/checkpoints/last.ckpt

The small text is the beginning of Python's own help topics. Every start gets the same steps and the same learning
rates, each a run of `rnn-capacity fit --config configs/text.yaml` in a process of its own; a start's figures are those
of the rate with the fewest validation bits at the end. Options the script does not know go to that command. A run that
is already in the results is not run again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
import tempfile
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any

from machine import machine
from text_models import ROOT, train

RATES = (0.001, 0.003, 0.01, 0.02, 0.03)
SMALL = 128
"""Units of the network that has fewer parameters to overfit with."""


def starts(units: int, checkpoint: Path) -> dict[str, list[str]]:
    """The options of each way to start, by its name.

    Args:
        units: Of the checkpoint's network.
        checkpoint: What to begin from.
    """
    warm = [f"--model.hidden_size={units}", f"--model.init_from={checkpoint}"]
    return {
        "from scratch": [f"--model.hidden_size={units}"],
        "from scratch, fewer units": [f"--model.hidden_size={SMALL}"],
        "fine-tuned": warm,
        "fine-tuned, recurrent layer at 0.3 of the rate": [*warm, "--model.layer_rates=[0.3]"],
        "fine-tuned, recurrent layer frozen": [*warm, "--model.freeze=[0]"],
    }


def best_runs(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """For each start the run whose last validation was best."""
    best: dict[str, dict[str, Any]] = {}
    for run in runs:
        rival = best.setdefault(run["start"], run)
        if run["val_bits_per_character"] < rival["val_bits_per_character"]:
            best[run["start"]] = run
    return list(best.values())


def table(runs: list[dict[str, Any]]) -> str:
    """The best run of each start as a Markdown table."""
    lines = [
        "| start | units | best rate | steps | seconds | val bits per character | lowest on the way | test |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for run in best_runs(runs):
        setting = f"{run['units']} | {run['rate']:g} | {run['steps']:,} | {run['seconds']:.0f}"
        lowest = min(bits for _, bits in run["curve"])
        bits = f"{run['val_bits_per_character']:.3f} | {lowest:.3f} | {run['bits_per_character']:.3f}"
        lines.append(f"| {run['start']} | {setting} | {bits} |")
    return "\n".join(lines)


def main() -> None:
    """Measure what is missing, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, required=True, help="of a run of configs/text.yaml")
    parser.add_argument("--out", type=Path, default=ROOT / "tools/results", help="folder of the results")
    parser.add_argument("--characters", type=int, default=75_000, help="length of the small text")
    parser.add_argument("--steps", type=int, default=500, help="optimizer steps of every run")
    parser.add_argument("--rates", nargs="*", type=float, default=RATES, help="learning rates")
    arguments, options = parser.parse_known_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    path = arguments.out / "fine_tuning.json"
    learnt = json.loads((arguments.checkpoint.parent.parent / "summary.json").read_text())
    text = " ".join(topics.values())[: arguments.characters]
    setting = {
        "pretrained": {name: learnt[name] for name in ("cell", "units", "steps", "val_bits_per_character")},
        "text": {"characters": len(text), "symbols": len(set(text)), "python": platform.python_version()},
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
        "options": [f"--trainer.max_steps={arguments.steps}", *options],
    }
    results: dict[str, Any] = {"machine": machine(), "setting": setting, "runs": []}
    if path.is_file() and (known := json.loads(path.read_text()))["setting"] == setting:
        results["runs"] = known["runs"]
    for start, own in starts(learnt["units"], arguments.checkpoint.resolve()).items():
        for rate in arguments.rates:
            if any((run["start"], run["rate"]) == (start, rate) for run in results["runs"]):
                continue
            with tempfile.TemporaryDirectory() as folder:
                file = Path(folder) / "topics.txt"
                file.write_text(text, encoding="utf-8")
                given = [
                    f"--data.path={file}",
                    "--data.unknown=_",
                    "--data.batch_size=16",
                    f"--model.cell={learnt['cell']}",
                ]
                given += ["--model.max_parameters=null", *own, f"--model.optimizer.lr={rate}", *setting["options"]]
                run = train(given, Path(folder) / "runs")
            del run["options"], run["run"]  # paths that are gone
            results["runs"].append({"start": start, "rate": rate, **run})
            path.write_text(json.dumps(results, indent=1) + "\n")
    print(results["machine"], json.dumps(setting))
    print(table(results["runs"]))


if __name__ == "__main__":
    main()
