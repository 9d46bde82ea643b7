"""Values of the right type that are out of an option's range, as words of a shell."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from tests.wrong_input.program_runs import Case

BEYOND = "99999999999999999999"
"""More than 64 bits hold."""

LONG = "x" * 5000
"""Longer than a file's name can be."""

MODEL = {
    "cell": f"'' no_such_cell 'gru ' GRU rnn_capacity.cells.NoSuchCell rnn_capacity os.system ünï {LONG}",
    "depth": f"0 -1 {BEYOND}",
    "max_parameters": f"0 -1 1 1000000000000000 {BEYOND}",
    "b_fg": ".inf -.inf '{forget: .nan}' '{forget: x}'",
    "dropout": "-0.1 1 1.5",
    "recurrent_dropout": "-0.1 1 1e9",
    "clip_value": "0 -1 -.inf",
    "clip_norm": "0 -1 -.inf",
    "l2": "-1 -.inf .inf",
    "steps_per_call": f"0 -1 -{BEYOND}",
    "divergence_factor": "0 -1",
    "init_from": f"'' nowhere.ckpt empty text.txt binary folder truncated.ckpt 'a\nb' {LONG} http://127.0.0.1:9/a.ckpt "
    "s3://bucket/a.ckpt no_such_protocol://a",
    "freeze": f"[-1] [1] [{BEYOND}]",
    "layer_rates": "[] [-1] [.nan] [.inf] '[1, 1]'",
    "seed": f"-1 {BEYOND}",
    "cell_options": "'{no_such: 1}' '{b_fg: 1}' '{1: 2}' '{hidden_size: 3}'",
    "nonlinearity": "sigmoid Tanh",
    "initialization.recurrent": "identity Normal",
    "initialization.recurrent_scale": "-1 {} '{hidden: -1}' '{no_such_gate: 1.0}' '{hidden: .nan}' 1e39",
    "initialization.input_scale": "-1 {} '{no_such_gate: 1.0}' 1e300",
    "initialization.bias": "uniform",
    "initialization.bias_scale": ".inf .nan 1e39",
    "initialization.readout_scale": "-1 .nan 1e39",
    "initialization.state_scale": "-1 .nan 1e39",
    "optimizer": "NoSuchOptimizer torch.optim.LBFGS torch.optim.SparseAdam torch.nn.Linear os.system 3 "
    "torch.optim.Optimizer torch.optim.Muon",
    "optimizer.lr": "-1 .nan .inf x",
    "optimizer.betas": "'[1, 1]' [0.9] '[-1, 0.9]' x '[.nan, 0.9]' '[0.9, 0.99, 0.999]'",
    "optimizer.eps": "-1 .nan",
    "optimizer.weight_decay": "-1 .nan .inf",
    "optimizer.no_such": "1",
    "schedule": "NoSuchSchedule torch.optim.Adam ReduceLROnPlateau 3 torch.optim.lr_scheduler.LambdaLR",
}
"""Wrong values of the network's options."""

TRAINER = {
    "accelerator": "gpu tpu mps no_such 3 \"''\"",
    "strategy": "no_such 3 fsdp deepspeed",
    "devices": f"0 -2 [] '[0, 0]' no_such 1.5 \"''\" {BEYOND}",
    "num_nodes": "0 -1",
    "precision": "8 no_such transformer-engine",
    "max_steps": f"0 -1 -2 {BEYOND}",
    "min_steps": "-1 10",
    "max_epochs": "0 -2",
    "max_time": "no_such -1 00:00 '{hours: x}' '{no_such: 1}'",
    "val_check_interval": "0 0.0 -1 1.5 1000 no_such .nan -0.5",
    "check_val_every_n_epoch": "0 -1",
    "limit_train_batches": "-1 0 0.0 1.5 .nan",
    "limit_val_batches": "-1 1.5 .nan",
    "limit_test_batches": "-1 1.5 .nan",
    "limit_predict_batches": "-1 1.5",
    "overfit_batches": "-1 1.5",
    "num_sanity_val_steps": "-2",
    "log_every_n_steps": "-1",
    "accumulate_grad_batches": "0 -1 2",
    "gradient_clip_val": "1 -1",
    "gradient_clip_algorithm": "no_such",
    "profiler": "no_such",
    "callbacks": "no_such 3 [3] torch.nn.Linear EarlyStopping '[EarlyStopping, 3]' LearningRateFinder BatchSizeFinder "
    "GradientAccumulationScheduler StochasticWeightAveraging '{class_path: Timer}' "
    "'{class_path: EarlyStopping, init_args: {monitor: no/such}}' "
    "'{class_path: ModelCheckpoint, init_args: {monitor: no/such}}' "
    "'{class_path: ModelCheckpoint, init_args: {no_such: 1}}'",
    "logger": "no_such 3 torch.nn.Linear [3] '{class_path: CSVLogger}' CometLogger",
    "plugins": "no_such [3] torch.nn.Linear",
    "default_root_dir": f"text.txt text.txt/below /proc/no_such {LONG} s3://bucket/runs no_such_protocol://runs",
    "reload_dataloaders_every_n_epochs": "-1",
    "fast_dev_run": "-1",
    "detect_anomaly": "maybe",
    "sync_batchnorm": "maybe",
    "benchmark": "maybe",
    "deterministic": "no_such",
}
"""Wrong values of the trainer's options."""

DATA = {
    "random_mapping": {
        "samples_per_parameter": "0 -1 1e-400 1e30",
        "input_size": f"0 -1 1 {BEYOND}",
        "classes": f"1 0 -1 {BEYOND}",
        "steps": f"0 -1 {BEYOND}",
        "loss_from": "0 -1 6",
        "batch_size": "0 -1",
        "loss_exponent": "-0.1 1.1",
        "loss_exponent_from": "-0.1 1",
        "seed": f"-1 {BEYOND} 9223372036854775808",
        "encoding": "Signed",
        "no_such": "1",
    },
    "continuous_function": {
        "samples": f"0 -1 {BEYOND}",
        "input_size": f"0 -1 {BEYOND}",
        "tau": "-1 .nan .inf",
        "steps": f"0 -1 {BEYOND}",
        "batch_size": "0 -1",
        "sampling": "Weighted",
        "seed": f"-1 {BEYOND}",
    },
    "memory": {
        "input_size": f"0 -1 {BEYOND}",
        "steps": f"0 -1 {BEYOND}",
        "batch_size": f"0 -1 {BEYOND}",
        "evaluation_samples": f"0 -1 {BEYOND}",
        "show": "last",
        "seed": f"-1 {BEYOND}",
    },
    "parentheses": {
        "steps": f"0 -1 {BEYOND}",
        "batch_size": "0 -1",
        "evaluation_samples": "0 -1",
        "seed": f"-1 {BEYOND}",
    },
    "arithmetic": {
        "operand_limit": f"0 -1 100000000000000001 {BEYOND}",
        "compute_steps": "0 -1 100",
        "steps": f"0 5 -1 {BEYOND}",
        "scored": "all",
        "batch_size": "0 -1",
        "evaluation_samples": "0 -1",
        "seed": f"-1 {BEYOND}",
    },
    "language": {
        "path": f"'' nowhere.txt folder empty one_symbol.txt short.txt latin1.txt binary new_symbols.txt {LONG} 'a\nb' "
        "http://127.0.0.1:9/a.txt",
        "corpus": "text9 text8",
        "unknown": "ab ''",
        "validation_share": "0 -0.1 1 0.95",
        "test_share": "0 -0.1 1 0.95",
        "characters": f"1 0 28 -1 {BEYOND}",
        "language_order": f"0 4 -1 {BEYOND}",
        "concentration": "0 -1 .nan .inf",
        "length": f"0 -1 10 {BEYOND}",
        "language_seed": f"-1 {BEYOND}",
        "steps": f"0 -1 1000000 {BEYOND}",
        "warmup": "-1 50",
        "batch_size": "0 -1",
        "order": "random",
        "seed": f"-1 {BEYOND}",
        "prompt": "''",
        "sample_length": "-1",
        "temperature": "-1 .nan .inf",
        "top_k": "0 -1",
        "sample_seed": f"-1 {BEYOND}",
    },
}
"""Wrong values of each task's options."""

PREDICT = {
    "prompt": "ΩΩΩ '' \x01",
    "sample_length": "0 -1",
    "temperature": "-1 .nan -.inf",
    "top_k": "0 -1",
    "sample_seed": f"-1 {BEYOND}",
}
"""Wrong values of the options of generated text."""

SEARCH = {
    "trials": "0 -1 two 1.5 ''",
    "population": "0 -1 two 1.5 ''",
    "storage": "'' no_such mysql://host/base sqlite:// sqlite:/// sqlite:///folder sqlite:///text.txt sqlite:///binary "
    "sqlite:///nowhere/a.db postgresql:// postgresql://127.0.0.1:1/none grpc:// grpc://host grpc://host:port "
    "redis://host sqlite:///:memory:",
    "study": f"'' ../a a/../b /a $NO_SUCH_VARIABLE {LONG[:600]} . ..",
    "cells": "no_such '' rnn, rnn,rnn ,",
    "depths": "0 one 1, 1,1 '' -1 1.5",
    "sizes": f"0 ten 700, 700,700 '' 1 -5 {BEYOND}",
    "seed": f"-1 x {BEYOND}",
    "resume": "maybe",
    "ckpt_path": "nowhere.ckpt text.txt",
    "run": "name",
}
"""Wrong values of a search's own options."""

OTHER_NAMES = {
    "samples_per_parameter": ("samples",),
    "classes": ("max_parameters",),
    "input_size": ("max_parameters", "samples"),
    "compute_steps": ("steps",),
    "length": ("steps",),
    "corpus": ("download",),
    "sizes": ("max_parameters", "size"),
    "depths": ("depth",),
    "cells": ("cell",),
    "optimizer.lr": ("optimizer",),
    "optimizer.betas": ("optimizer",),
    "optimizer.eps": ("optimizer",),
    "optimizer.weight_decay": ("optimizer",),
}
"""What an answer may name in place of an option: the one that it contradicts, or its whole object."""


def wrong_ranges() -> Iterator[Case]:
    """Yield the values of all tables, each on its own command line."""
    tables = [("fit", "random_mapping", "model.", MODEL), ("fit", "random_mapping", "trainer.", TRAINER)]
    tables += [("fit", task, "data.", table) for task, table in DATA.items()]
    tables += [("predict", "language", "data.", PREDICT), ("search", "random_mapping", "", SEARCH)]
    for command, task, prefix, table in tables:
        for name, values in table.items():
            for value in shlex.split(values):
                names = (name.rpartition(".")[2], *OTHER_NAMES.get(name, ()))
                yield Case(command, (f"--{prefix}{name}={value}",), names, task)
