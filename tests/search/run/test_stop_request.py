from __future__ import annotations

import os
import signal

import pytest

from rnn_capacity.search.run.stopping import StopRequest


@pytest.mark.parametrize(
    ("sent", "counts"),
    [
        (["SIGTERM", "SIGUSR1"], "SIGUSR1"),
        (["SIGUSR1", "SIGTERM"], "SIGUSR1"),
        (["SIGTERM", "SIGINT"], "SIGTERM"),
        (["SIGINT", "SIGTERM"], "SIGTERM"),
    ],
)
def test_the_strongest_of_several_signals_counts(sent: list[str], counts: str) -> None:
    with StopRequest() as stop:
        for name in sent:
            os.kill(os.getpid(), signal.Signals[name])
    assert stop.received == counts


def test_the_first_signal_is_reported_at_once(capfd: pytest.CaptureFixture[str]) -> None:
    with StopRequest(prints=True):
        for name in ("SIGTERM", "SIGUSR1"):
            os.kill(os.getpid(), signal.Signals[name])
        assert capfd.readouterr().err == "\nrnn-capacity: SIGTERM: ends after the steps under way\n"


def test_sigint_stops_a_search_of_an_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_SWEEP_ID", "sweep")  # W&B interrupts it once the server says so
    with StopRequest() as stop:
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGINT)
    assert stop.received == "SIGTERM"
