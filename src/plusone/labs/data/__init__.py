"""Real data for labs and benchmarks, each set through one loader.

`digits`, `pictures`, `vessels` and `karate` come with packages of the extra `labs`. The others are
read from the folder that PLUSONE_DATA names, or else downloaded once, with checksums, into the
cache.
"""

from plusone.labs.data.graphs import Graph, cora, digit_blocks, karate
from plusone.labs.data.images import Split, cifar10, digits, mnist, nuclei, pictures, vessels
from plusone.labs.data.located import require
from plusone.labs.data.sets import PACKAGED, SETS
from plusone.labs.data.texts import multi30k, shakespeare, surnames

__all__ = [
    "PACKAGED",
    "SETS",
    "Graph",
    "Split",
    "cifar10",
    "cora",
    "digit_blocks",
    "digits",
    "karate",
    "mnist",
    "multi30k",
    "nuclei",
    "pictures",
    "require",
    "shakespeare",
    "surnames",
    "vessels",
]
