"""Which hyperparameters matter: their share of what makes the good trials differ from the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rnn_capacity.search.sampler import frozen, quiet, with_values
from rnn_capacity.search.space.search_space import SearchSpace

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

    from rnn_capacity.studies.trial import Goal

FEWEST = 20
"""Trials below which a tenth of them says nothing."""


def importances(finished: Sequence[FrozenTrial], space: SearchSpace, goal: Goal) -> dict[str, float]:
    """The importance of each searched hyperparameter, the greatest first.

    Optuna's PED-ANOVA (Watanabe et al. 2023): how far the distribution of a hyperparameter among the best tenth of the
    trials is from the one among all of them. It takes single hyperparameters, not their interplay, and needs no more
    than numpy, where fANOVA and the impurity of trees need scikit-learn.

    Args:
        finished: Finished trials; one without a finite value counts as the worst.
        space: The space that they were drawn from.
        goal: Whether less or more is better.

    Returns:
        Numbers of at least 0 by name, which sum to 1, or are all 0 if there is nothing to tell the trials apart; empty
        for fewer than `FEWEST` trials.
    """
    import optuna
    from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
    from optuna.trial import TrialState

    searched = {name: found for name, found in space.distributions().items() if not found.single()}
    trials = [frozen(trial, searched, TrialState.COMPLETE, value) for trial, value in with_values(finished, goal)]
    known = [trial for trial in trials if trial is not None]
    if len(known) < FEWEST or not searched:
        return {}
    if len({trial.value for trial in known}) == 1:
        return dict.fromkeys(searched, 0.0)
    with quiet():
        study = optuna.create_study(direction=goal)
        study.add_trials(known)
        return get_param_importances(study, evaluator=PedAnovaImportanceEvaluator())
