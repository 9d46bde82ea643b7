"""Estimates the importance of each searched hyperparameter by PED-ANOVA over the finished trials of a study."""

from __future__ import annotations

from collections.abc import Sequence

import optuna
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial, TrialState

from rnn_capacity.search.sampler import copy_trial, only_errors, with_values
from rnn_capacity.search.space.search_space import SearchSpace
from rnn_capacity.studies import Goal

MIN_TRIALS = 20
"""Minimum number of finished trials for an importance estimate, so that the best tenth is at least two trials."""


def importances(finished: Sequence[FrozenTrial], space: SearchSpace, goal: Goal) -> dict[str, float]:
    """Estimate the importance of each searched hyperparameter, the largest first.

    Optuna's PED-ANOVA (Watanabe et al. 2023): how far the distribution of a hyperparameter among the best tenth of the
    trials is from the one among all of them. It takes single hyperparameters, not their interplay, and needs no more
    than numpy, where fANOVA and the impurity of trees need scikit-learn.

    Args:
        finished: Finished trials; one without a finite value counts as the worst.
        space: The space that they were drawn from.
        goal: Whether less or more is better.

    Returns:
        Numbers of at least 0 by name, which sum to 1, or are all 0 if there is nothing to tell the trials apart; empty
        for fewer than `MIN_TRIALS` trials.

    Example:
        >>> from optuna.trial import create_trial
        >>> from rnn_capacity.search import parse_sweep
        >>> space = parse_sweep({"method": "random", "parameters": {"a": {"min": 0.0, "max": 1.0}}}).space
        >>> trials = [
        ...     create_trial(value=i / 20, params={"a": i / 20}, distributions=space.distributions()) for i in range(20)
        ... ]
        >>> importances(trials, space, "maximize")
        {'a': 1.0}
    """
    searched = {name: found for name, found in space.distributions().items() if not found.single()}
    trials = [copy_trial(trial, searched, TrialState.COMPLETE, value) for trial, value in with_values(finished, goal)]
    known = [trial for trial in trials if trial is not None]
    if len(known) < MIN_TRIALS or not searched:
        return {}
    if len({trial.value for trial in known}) == 1:
        return dict.fromkeys(searched, 0.0)
    with only_errors():
        study = optuna.create_study(direction=goal)
        study.add_trials(known)
        return get_param_importances(study, evaluator=PedAnovaImportanceEvaluator())
