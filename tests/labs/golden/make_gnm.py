"""Writes gnm.json: ProDy's fluctuations of two of the structures that the lab disulfide carries.

python -m venv prody && prody/bin/pip install ProDy==2.6.1
prody/bin/python tests/labs/golden/make_gnm.py
"""

from __future__ import annotations

import json
from pathlib import Path

import prody

HERE = Path(__file__).parent
STRUCTURES = HERE.parents[2] / "src" / "plusone" / "labs" / "disulfide" / "structures"
CUTOFF = 7.3


def main() -> None:
    prody.confProDy(verbosity="none")
    found = {}
    for name in ("bpti", "crambin"):
        atoms = prody.parsePDB(str(STRUCTURES / f"{name}.pdb")).select("name CA")
        network = prody.GNM(name)
        network.buildKirchhoff(atoms, cutoff=CUTOFF)
        network.calcModes(n_modes=None)
        found[name] = [float(f"{x:.15g}") for x in prody.calcSqFlucts(network)]
    text = json.dumps({"prody": prody.__version__, "cutoff": CUTOFF, "fluctuations": found})
    (HERE / "gnm.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
