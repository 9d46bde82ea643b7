"""The authors' published runs are read from files in their format, and nothing else is unpickled."""

from __future__ import annotations

import math
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnn_capacity.published_runs import read_published
from rnn_capacity.report.authors import author_rows
from rnn_capacity.report.results import select
from tests.report.published_files import HPARAMS, run, write


def test_a_file_of_python_2_is_read_with_its_texts_and_numbers(tmp_path: Path) -> None:
    write(tmp_path / "fig3_txt8rcf.p", [run(), run(architecture="+rnn", task_type="rcf", eval_loss=float("nan"))])
    content = (tmp_path / "fig3_txt8rcf.p").read_bytes()
    assert b"numpy.core.multiarray" in content  # as in NumPy 1
    assert b"_codecs" not in content  # bytes as Python 2 has them
    lstm, plus = read_published(tmp_path)
    assert (lstm.file, lstm.task, lstm.cell, lstm.depth) == ("fig3_txt8rcf", "language", "lstm", 4)
    assert (lstm.max_parameters, lstm.parameters, lstm.iteration) == (1280000, 1268217, 17)
    assert (lstm.train_loss, lstm.valid_loss, lstm.eval_loss) == (1.51, 1.55, 1.549270)
    assert lstm.hparams == HPARAMS
    assert (plus.task, plus.cell) == ("continuous_function", "intersection")
    assert math.isnan(plus.eval_loss)


class Malicious:
    """Pickles as a call of os.system."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.file}",)


@pytest.mark.parametrize("inside", [False, True])
def test_a_pickle_that_would_run_code_is_refused_in_one_line(tmp_path: Path, inside: bool) -> None:
    content: Any = Malicious(tmp_path / "ran")
    if inside:
        content = np.array([content, 1], dtype=object)
    (tmp_path / "fig5.p").write_bytes(pickle.dumps(content, protocol=2))
    with pytest.raises(ValueError, match=r"published must have pickles .* fig5\.p|posix\.system") as refused:
        read_published(tmp_path)
    assert "contains posix.system" in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"no pickle", "published must have pickles"),
        (b"", "published must have pickles"),
        (pickle.dumps({"a": 1}), "without the field architecture"),
        (pickle.dumps(np.zeros(3), protocol=2), "without the field architecture"),
        (pickle.dumps(Path("x")), "contains pathlib"),
        (b"c_codecs\nencode\n(Vabc\nVrot13\ntR.", "encoding rot13"),
    ],
)
def test_other_content_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "wrong.p").write_bytes(content)
    with pytest.raises(ValueError, match=words):
        read_published(tmp_path)


def test_a_folder_without_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="published must be a folder with the authors' files"):
        read_published(tmp_path / "nowhere")


def test_authors_runs_become_rows_beside_ours(tmp_path: Path) -> None:
    parentheses = {"task_type": "parens_counting", "architecture": "gru", "n_layers": 1, "max_params": 200000}
    write(tmp_path / "fig3.p", [run()])
    write(tmp_path / "fig5.p", [run(**parentheses), run(**parentheses, valid_loss=float("nan"))])
    capacity = {"task_type": "per_cap", "architecture": "rnn", "num_params": 1000}
    write(tmp_path / "fig1.p", [run(**capacity, eval_loss=-4900.0), run(**capacity, eval_loss=0.4)])
    write(tmp_path / "fig2.p", [run(**capacity, eval_loss=-6000.0)])  # ReLU, or another number of steps
    rows, notes = author_rows(read_published(tmp_path))
    assert notes == [
        "1 of the authors' capacity runs left out: not of Fig. 1, with unknown steps and nonlinearity",
        "1 of the authors' capacity runs left out: their loss is positive, and no number of bits",
    ]
    assert len(select(rows, task="random_mapping")) == 1
    by_task = {row.task: row for row in rows}
    assert by_task["random_mapping"].bits_per_parameter == 4.9
    text = by_task["language"]
    assert (text.evaluation, text.value, text.units, text.dataset) == (1.549270, 1.55, 210, "text8")
    draws = [row for row in rows if row.task == "parentheses"]
    assert [row.feasible for row in draws] == [True, False]
    assert {row.method for row in draws} == {"random"}
    assert {row.source for row in rows} == {"authors"}
