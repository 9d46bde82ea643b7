"""Benchmarks `rnn-capacity fit` against a plain PyTorch loop, in training characters per second.

    python tools/bench_training.py --json tools/results/bench_training.json

Language models of 1.28 million parameters on 32 streams of 50 characters (configs/text.yaml without regularisation):
Adam, a cosine schedule, clipping by the norm, and a state that is carried from step to step. `fit` is the command in a
process of its own; the loop reads one-hot inputs with nn.LSTM or nn.GRU, or, for the +RNN (intersection), writes its
equations step by step (tools/plain_network.py). Both are timed in turns from a step after the first ones to the last,
without validation, and the medians are compared.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from measuring import conditions, median_seconds, script_parser, timed
from plain_network import initial_weights, step
from pytorch_lightning import Callback, Trainer
from recording import Run, fit, markdown_table, save_results
from text_models import PLAIN
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils._pytree import tree_map

from rnn_capacity.models import units_for_budget

CASES = {"lstm": 1, "gru": 2, "intersection": 4}
"""Number of layers of the measured network of each cell."""
BATCH, STEPS = 32, 50
"""Batch size (parallel streams of text) and characters per stream in an optimizer step."""
SYMBOLS = 28
"""Number of symbols: the synthetic text's 27 and one for unknown characters."""
WARMUP = 50
"""Number of optimizer steps before the timing starts: one call of `training_step`."""


class StepClock(Callback):
    """Writes the number of optimizer steps and the time after each call of `training_step` to a JSON file.

    Args:
        path: The file, written when training ends.
    """

    def __init__(self, path: str) -> None:
        self.path = Path(path)
        self.marks: list[tuple[int, float]] = []

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        """Record the number of optimizer steps and the time."""
        self.marks.append((trainer.global_step, time.perf_counter()))

    def on_train_end(self, *_: Any) -> None:
        """Write the recorded steps and times to the JSON file."""
        self.path.write_text(json.dumps(self.marks), encoding="utf-8")


def fit_seconds(cell: str, units: int, steps: int, options: list[str]) -> float:
    """Return the seconds of an optimizer step of `rnn-capacity fit`, run in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        clock = Path(folder) / "clock.json"
        given = ["--trainer.callbacks+=bench_training.StepClock", f"--trainer.callbacks.path={clock}"]
        given += [f"--model.cell={cell}", f"--model.depth={CASES[cell]}", f"--model.hidden_size={units}"]
        given += ["--model.max_parameters=null", "--data.length=100000", f"--trainer.max_steps={WARMUP + steps}"]
        given += ["--trainer.limit_val_batches=0", "--trainer.enable_progress_bar=false", *options]
        fit("text.yaml", [*PLAIN, *given], Path(folder) / "runs")
        marks = json.loads(clock.read_text(encoding="utf-8"))
    (first, start), (last, end) = marks[0], marks[-1]
    return float((end - start) / (last - first))


class PlainStack(nn.Module):
    """A multilayer +RNN written as plain PyTorch, with a linear projection of the input and the call of nn.LSTM."""

    def __init__(self, symbols: int, units: int, depth: int) -> None:
        super().__init__()
        self.projection = nn.Linear(symbols, units)
        drawn = [initial_weights("intersection", symbols, units)["layer0"] for _ in range(depth)]
        self.layers = nn.ModuleList(nn.ParameterDict(arrays) for arrays in drawn)

    def forward(self, inputs: Tensor, states: list[Tensor] | None) -> tuple[Tensor, list[Tensor]]:
        """Return the last layer's outputs (time, batch, units) and the final state of each layer."""
        own: list[Any] = list(self.layers)
        states = [layer.start.expand(inputs.shape[1], -1) for layer in own] if states is None else list(states)
        outputs = []
        for x in self.projection(inputs):
            for place, layer in enumerate(own):
                x, states[place], _ = step(torch, "intersection", layer, x, states[place], None)
            outputs.append(x)
        return torch.stack(outputs), states


def loop_step(cell: str, units: int) -> Callable[[], None]:
    """Return a function that makes one optimizer step of a plain PyTorch language model."""
    kinds: dict[str, Any] = {"lstm": nn.LSTM, "gru": nn.GRU, "intersection": PlainStack}
    network = kinds[cell](SYMBOLS, units, CASES[cell])
    readout = nn.Linear(units, SYMBOLS)
    parameters = [*network.parameters(), *readout.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=0.005, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 8000)
    text = torch.randint(SYMBOLS, (BATCH, 20 * STEPS + 1))
    carried: list[Any] = [0, None]

    def one() -> None:
        start = carried[0] % (20 * STEPS)
        piece = text[:, start : start + STEPS + 1].T
        outputs, state = network(F.one_hot(piece[:-1], SYMBOLS).float(), carried[1])
        carried[:] = start + STEPS, tree_map(Tensor.detach, state)
        loss = F.cross_entropy(readout(outputs).flatten(0, 1), piece[1:].flatten())
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch types it so
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        schedule.step()

    return one


def measure(cell: str, parameters: int, steps: int, rounds: int, options: list[str]) -> Run:
    """Return the training characters per second of `fit` and of the plain loop for one cell, and their ratio."""
    units = units_for_budget(cell, CASES[cell], parameters, SYMBOLS, SYMBOLS)
    one = loop_step(cell, units)
    timed(one, WARMUP)()
    measurements = {"fit": lambda: fit_seconds(cell, units, steps, options), "loop": timed(one, steps)}
    rates = {name: BATCH * STEPS / seconds for name, seconds in median_seconds(measurements, rounds, warmup=0).items()}
    return {"cell": cell, "depth": CASES[cell], "units": units, **rates, "ratio": rates["fit"] / rates["loop"]}


def main() -> None:
    """Measure all cells, print a Markdown table, and save the results if `--json` is given."""
    parser = script_parser(__doc__, json=True)
    parser.add_argument("--cells", nargs="*", default=list(CASES), choices=list(CASES), help="cells to measure")
    parser.add_argument("--parameters", type=int, default=1_280_000, help="parameter budget")
    parser.add_argument("--steps", type=int, default=100, help="timed optimizer steps, a multiple of 50")
    parser.add_argument("--rounds", type=int, default=3, help="rounds that count")
    arguments, options = parser.parse_known_args()
    paths = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))  # where the command finds the clock
    print(conditions() + "; characters a second\n", flush=True)
    runs = [measure(cell, arguments.parameters, arguments.steps, arguments.rounds, options) for cell in arguments.cells]
    rows = []
    for run in runs:
        rates = f"{run['fit']:,.0f}", f"{run['loop']:,.0f}", f"{run['ratio']:.2f}"
        rows.append((run["cell"], run["depth"], run["units"], *rates))
    print(markdown_table(("cell", "depth", "units", "fit", "loop", "fit / loop"), rows))
    save_results(arguments.json, runs)


if __name__ == "__main__":
    main()
