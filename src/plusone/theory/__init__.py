"""Closed forms without models: the gradient's moments, bounds, windows and the phase diagram."""

from plusone.steps import euler_growth, euler_limit
from plusone.theory.bounds import Bounds, bounds, log_eigenvalue_power
from plusone.theory.correlation import CorrelationProfile, correlation_profile
from plusone.theory.dag import Dag, chain_dag, dag, dag_log_moment, independent_paths_log_moment
from plusone.theory.outlook import Outlook, outlook
from plusone.theory.prediction import WINDOW, Prediction, predict
from plusone.theory.setting import Setting
from plusone.theory.skip_chain import PatternLaw, SkipChain, pattern_law
from plusone.theory.window import (
    PhaseDiagram,
    Stack,
    largest_density,
    largest_depth,
    phase_diagram,
    smallest_density,
)

__all__ = [
    "WINDOW",
    "Bounds",
    "CorrelationProfile",
    "Dag",
    "Outlook",
    "PatternLaw",
    "PhaseDiagram",
    "Prediction",
    "Setting",
    "SkipChain",
    "Stack",
    "bounds",
    "chain_dag",
    "correlation_profile",
    "dag",
    "dag_log_moment",
    "euler_growth",
    "euler_limit",
    "independent_paths_log_moment",
    "largest_density",
    "largest_depth",
    "log_eigenvalue_power",
    "outlook",
    "pattern_law",
    "phase_diagram",
    "predict",
    "smallest_density",
]
