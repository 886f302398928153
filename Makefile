PYTHON ?= python3
CORES ?= all
STUDY ?= config/config.yaml
FORMAT ?= png
BIN := .venv/bin
# On Linux without a GPU: TORCH=cpu takes PyTorch's builds for the CPU, without 4 GB of CUDA.
TORCH ?=
TORCH_CPU ?= https://download.pytorch.org/whl/cpu

# What pip installs, and Snakemake when it starts a job, cannot be trusted with such a path.
ifneq ($(words $(CURDIR)),1)
$(error the path of this folder has a space, move it: $(CURDIR))
endif
ifneq ($(findstring ',$(CURDIR)),)
$(error the path of this folder has an apostrophe, move it: $(CURDIR))
endif

ifneq ($(filter-out cpu,$(TORCH)),)
$(error TORCH=$(TORCH); allowed: cpu, or nothing)
endif

define install
$(if $(TORCH),$(BIN)/python -m pip install --quiet --index-url $(TORCH_CPU) $(shell grep ^torch envs/requirements.in))
$(if $(TORCH),$(PYTHON) envs/lock.py without-cuda,cat) $< > .venv/requirements.txt
$(BIN)/python -m pip install --quiet --requirement .venv/requirements.txt
endef

.PHONY: run plan layers export verify combine test test-slow test-all lint bench bench-quick docs lock audit format clean

# Snakemake runs what some configs say, so they are read before it.
run: .venv/run.stamp
	@PYTHONPATH=workflow_scripts $(BIN)/python -m repcompare.study --configfile "$(STUDY)"
	$(BIN)/snakemake --cores $(CORES) --configfile "$(STUDY)" --quiet host reason rules

plan: .venv/run.stamp
	PYTHONPATH=workflow_scripts $(BIN)/python -m repcompare.planning --configfile "$(STUDY)" --cores $(CORES)

# The modules of a network, to choose `layers` and `classifier` from: make layers STUDY=… ARCHITECTURE=…
layers: .venv/run.stamp
	PYTHONPATH=workflow_scripts $(BIN)/python -m repcompare.networks.layers --configfile "$(STUDY)" --architecture "$(ARCHITECTURE)"

# Images and arrays of a finished study for use elsewhere: make export STUDY=… [TO=folder] [FORMAT=npy]
export: .venv/run.stamp
	PYTHONPATH=workflow_scripts $(BIN)/python -m repcompare.export --configfile "$(STUDY)" --format "$(FORMAT)" $(if $(TO),--to "$(TO)")

# Is every file of a finished study what was written? make verify STUDY=…
verify: .venv/run.stamp
	PYTHONPATH=workflow_scripts $(BIN)/python -m repcompare.verify --configfile "$(STUDY)"

# The findings of several finished studies on one page: make combine STUDIES="results/digits results/mine" [TO=folder]
combine: .venv/run.stamp
	PYTHONPATH=workflow_scripts $(BIN)/python -m repcompare.combine $(STUDIES) $(if $(TO),--to "$(TO)")

# Processes of one thread each. A worker that dies ends the run: pytest-xdist 3.8.0 gives the files
# of the dead to its successor, which dies of the same test or waits for ever.
PYTEST = $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder --max-worker-restart 0
PYTEST += --durations 20
test test-slow test-all: export OMP_NUM_THREADS = 1
# Slurm's tests wait most of their time.
test test-all: WORKERS = 2
test-slow: WORKERS = 3

test: .venv/dev.stamp
	$(PYTEST) -m "not slow"

test-slow: .venv/dev.stamp
	$(PYTEST) -m slow

test-all: .venv/dev.stamp
	$(PYTEST)

lint: .venv/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/snakefmt --check Snakefile workflow rules
	$(BIN)/snakemake --lint

format: .venv/dev.stamp
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile workflow rules

# All tables, and at the end one of every bar: met or not. Hours.
bench bench-quick: export PYTHONPATH := workflow_scripts
bench: export REPCOMPARE_BARS := $(shell mktemp -u)
bench: .venv/dev.stamp
	$(BIN)/python benchmarks/compare.py
	$(BIN)/python benchmarks/attack.py
	$(BIN)/python benchmarks/strength.py
	$(BIN)/python benchmarks/features.py
	$(BIN)/python benchmarks/train.py
	$(BIN)/python benchmarks/permutations.py
	$(BIN)/python benchmarks/verdicts.py
	$(BIN)/python benchmarks/startup.py --study config/config.yaml
	$(BIN)/python benchmarks/scale.py
	$(BIN)/python benchmarks/large.py
	$(BIN)/python benchmarks/memory.py
	$(BIN)/python benchmarks/imported.py
	$(BIN)/python benchmarks/library.py
	$(BIN)/python benchmarks/bars.py

# Whether a change made something slower than benchmarks/quick.csv has it. Minutes.
bench-quick: .venv/dev.stamp
	$(BIN)/python benchmarks/quick.py

# Pages of the library's functions, to docs/api/index.html.
docs: export PYTHONPATH := workflow_scripts
docs: .venv/dev.stamp
	$(BIN)/pdoc --docformat google --output-directory docs/api repcompare.api \
		repcompare.geometry repcompare.maps repcompare.representations repcompare.attacks

# The data dictionary, from the schema of the tables and the layouts of the HDF5 files.
docs/tables.md: workflow_scripts/repcompare/tables/*.py workflow_scripts/repcompare/storage/layouts.py workflow_scripts/repcompare/vocabulary.py | .venv/run.stamp
	PYTHONPATH=workflow_scripts $(BIN)/python -m repcompare.tables.dictionary > $@

COMPILE := uv pip compile --universal --python-version 3.11 --no-header --no-annotate --generate-hashes
# Needs uv. Resolves for every platform and Python at once; the conda environment gets the same pins.
lock:
	$(COMPILE) -U envs/requirements.in -o envs/requirements.lock
	$(COMPILE) -c envs/requirements.lock envs/requirements-dev.in -o envs/requirements-dev.lock
	$(PYTHON) envs/lock.py conda envs/requirements.lock > envs/environment.yaml

# Needs uv and the advisories of PyPI: is a version of the locks known to be unsafe?
audit:
	uvx pip-audit --strict --disable-pip --require-hashes -r envs/requirements-dev.lock

clean:
	rm -rf results .snakemake

# Both locks have hashes, and pip refuses what has another.
.venv/run.stamp: envs/requirements.lock
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(install)
	touch $@

.venv/dev.stamp: envs/requirements-dev.lock .venv/run.stamp
	$(install)
	touch $@
