"""Sweep files that are wrong."""

from __future__ import annotations

LR = "model.init_args.optimizer.init_args.lr"
"""A number that a sweep may search."""

RANGE = f"parameters: {{{LR}: {{min: 0.1, max: 1.0}}}}"
"""Parameters that are right."""

FILES = {
    "empty": ("", "sweep"),
    "word": ("word", "sweep"),
    "list": ("- 1", "sweep"),
    "no_yaml": ("a: [1", "sweep"),
    "deep": ("[" * 5000, "sweep"),
    "no_parameters": ("method: random", "parameters"),
    "null_parameters": ("{method: random, parameters: null}", "parameters"),
    "empty_parameters": ("{method: random, parameters: {}}", "parameters"),
    "list_parameters": ("{method: random, parameters: [1]}", "parameters"),
    "number_parameter": ("{method: random, parameters: {1: {value: 2}}}", "parameters 1"),
    "no_method": (f"{{{RANGE}}}", "method"),
    "unknown_method": (f"{{method: tpe, {RANGE}}}", "method"),
    "unknown_key": (f"{{method: random, no_such: 1, {RANGE}}}", "no_such"),
    "number_key": (f"{{method: random, 1: 1, {RANGE}}}", "1 sweep"),
    "bayes_without_metric": (f"{{method: bayes, {RANGE}}}", "metric"),
    "unknown_metric": (f"{{method: random, metric: {{name: final/no_such}}, {RANGE}}}", "metric.name"),
    "metric_word": (f"{{method: random, metric: word, {RANGE}}}", "metric"),
    "metric_goal": (f"{{method: random, metric: {{name: final/accuracy, goal: highest}}, {RANGE}}}", "metric.goal"),
    "metric_target": (f"{{method: random, metric: {{name: final/accuracy, target: .nan}}, {RANGE}}}", "metric.target"),
    "run_cap": (f"{{method: random, run_cap: 0, {RANGE}}}", "run_cap"),
    "grid_continuous": (f"{{method: grid, {RANGE}}}", LR),
    "extends_nowhere": (f"{{extends: nowhere.yaml, method: random, {RANGE}}}", "sweep extends"),
    "extends_list": (f"{{extends: [a], method: random, {RANGE}}}", "sweep extends"),
    "extends_itself": (f"{{extends: sweep_extends_itself.yaml, {RANGE}}}", "sweep extends"),
    "extends_word": (f"{{extends: text.txt, method: random, {RANGE}}}", "sweep extends"),
    "twice": (
        "{method: random, parameters: {model.init_args.cell: {value: rnn}, "
        "model: {parameters: {init_args.cell: {value: gru}}}}}",
        "model.init_args.cell",
    ),
}
"""Whole sweep files by name, with words of which the answer must have one."""

SETTINGS = {
    "word": "lr parameters",
    "{}": "lr",
    "null": "lr parameters",
    "{min: 0.1}": "lr",
    "{min: 1.0, max: 0.1}": "min",
    "{min: 1.0, max: 1.0}": "min",
    "{min: 1e-5, max: 0.1}": "min",
    "{min: .nan, max: 0.1}": "min",
    "{min: 0.1, max: .inf}": "max",
    "{distribution: log_uniform_values, min: 0, max: 0.1}": "min",
    "{distribution: log_uniform, min: 1, max: 1000}": "max",
    "{distribution: log_uniform_values, min: 0.1, max: .inf}": "max",
    "{distribution: normal, mu: 0, sigma: 0}": "sigma",
    "{distribution: normal, mu: .nan, sigma: 1}": "mu",
    "{distribution: log_normal, mu: 800, sigma: 1}": "mu lr",
    "{distribution: beta, a: -1, b: 1}": "a",
    "{distribution: q_uniform, min: 0.1, max: 1.0, q: 0}": "q",
    "{distribution: q_uniform, min: 0.1, max: 1.0, q: -1}": "q",
    "{distribution: no_such, min: 0.1, max: 1.0}": "distribution",
    "{distribution: [1], min: 0.1, max: 1.0}": "distribution",
    "{min: 0.1, max: 1.0, no_such: 1}": "no_such",
    "{values: []}": "values",
    "{values: [0.1, 0.1]}": "values",
    "{values: word}": "values",
    "{values: [.nan, 0.1]}": "values",
    "{value: 2020-01-01}": "value",
    "{value: .inf}": "value",
    "{values: [0.1, 0.2], probabilities: [0.5, 0.2]}": "probabilities",
    "{values: [0.1, 0.2], probabilities: [1.0]}": "probabilities",
    "{values: [0.1, 0.2], probabilities: [.nan, 0.2]}": "probabilities",
    "{min: -1.0, max: -0.5}": "lr optimizer",
}
"""Wrong settings of the learning rate, with words of which the answer must have one besides its name."""

PARAMETERS = {
    "model.init_args.no_such: {min: 0.1, max: 1.0}": "no_such",
    "no_such.a: {min: 0.1, max: 1.0}": "no_such no_such.a",
    "trainer.devices: {values: [1, 2]}": "trainer.devices",
    "model.init_args.depth: {min: -3, max: 0}": "depth",
    "model.init_args.depth: {min: 1.0, max: 2.5}": "depth",
    "model.init_args.cell: {values: [rnn, no_such]}": "cell",
    "trainer.max_steps: {min: 10.5, max: 20.5}": "max_steps",
    "trainer.max_steps: {min: -10, max: -5}": "max_steps",
    "model.init_args.seed: {values: [a, b]}": "seed",
    "model.init_args.l2: {min: -1.0, max: -0.5}": "l2",
    "data.init_args.samples_per_parameter: {min: -1.0, max: -0.5}": "samples_per_parameter",
    "data.init_args.no_such: {value: 1}": "no_such",
}
"""Other wrong parameters."""

SWEEPS: dict[str, tuple[str, str]] = {
    **FILES,
    **{
        f"setting_{index}": (f"{{method: random, parameters: {{{LR}: {setting}}}}}", names)
        for index, (setting, names) in enumerate(SETTINGS.items())
    },
    **{
        f"parameter_{index}": (f"{{method: random, parameters: {{{parameter}}}}}", names)
        for index, (parameter, names) in enumerate(PARAMETERS.items())
    },
}
"""Wrong sweep files by name, with words of which the answer must have one."""
