# Two commands do everything on a bare machine: `make demo` and `make test`.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.plusone-installed
# Every pip call goes through the constraints, so that nothing can bring in another torch.
# Nothing is compiled ahead: of most packages a few modules are ever imported.
PIP    := $(BIN)/python -m pip --disable-pip-version-check install --no-compile --constraint constraints.txt
# One torch thread for each of the two test workers; on a busy machine more are slower for small nets.
THREADS := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1

.PHONY: env demo test full clean

env: $(STAMP)

# torch comes first: with it in place, no other package's range can choose a different build.
$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) --quiet torch
	$(PIP) --quiet --editable ".[zoo,demo,labs,landscape,search,dev]"
	touch $@

demo: $(STAMP)
	@mkdir -p out
	$(THREADS) $(BIN)/plusone scan examples/digits.py:plain --html out/plain.html --json out/plain.json --fail-on never
	$(THREADS) $(BIN)/plusone scan examples/digits.py:residual --html out/residual.html --json out/residual.json --fail-on never
	$(THREADS) $(BIN)/plusone diff out/plain.json out/residual.json
	@echo "Reports: out/plain.html out/residual.html"

test: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(THREADS) $(BIN)/pytest -n 2 -m "not lab and not long"

# Every test, also those that the gate has no time for, and the labs against what is stored.
full: $(STAMP)
	$(THREADS) $(BIN)/pytest -n 2
	$(THREADS) $(BIN)/plusone lab check

clean:
	rm -rf $(VENV) out build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
