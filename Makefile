# Every command sets up what it needs in .venv and in the user's cache, and is cheap to run again.
#   make test    everything          make bench   this and other clients side by side, a minute
#   make check   the inner loop      make lint, fmt, docs, sanitize, fuzz, soak, wheel, try-install, clean
#   make tensorflow-tests            what goes with TensorFlow, in an environment of its own
#   make test-tensorflow-all         the same with each version of it, beside PyTorch; gigabytes
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules
.DEFAULT_GOAL := test

# The Python that .venv is made with; any of 3.10 to 3.13.
PYTHON ?=
JOBS ?= $(shell nproc)
# How long `make fuzz` looks at each target.
FUZZ_SECONDS ?= 300

venv := $(CURDIR)/.venv
python := $(venv)/bin/python
stamps := $(venv)/stamps
# TensorFlow has an environment of its own; the package is what was built for the first one.
TENSORFLOW ?= 2.21
TENSORFLOW_VERSIONS ?= 2.12 2.15 2.16 2.18 2.20 2.21
tensorflow_venv := $(venv)/tensorflow-$(TENSORFLOW)
tensorflow_python := $(tensorflow_venv)/bin/python
wheels := $(CURDIR)/build/dev-wheel
report := $(CURDIR)/build/bench
pip_install := $(python) -m pip install --quiet --disable-pip-version-check
# Runs a command with a MinIO of its own; the store's tests find it in the environment.
with_server = $(python) -m s3native.testing run
say = @echo "== $(1)"
# .venv brings cmake and ninja.
export PATH := $(venv)/bin:$(PATH)
unexport VIRTUAL_ENV PYTHONPATH PYTHONHOME

cpp_files := $(shell find cpp cmake tests/cpp tests/server bench -type f \
  \( -name '*.cc' -o -name '*.h' -o -name '*.map' -o -name 'CMakeLists.txt' -o -name '*.cmake' \) 2>/dev/null)
python_files := $(shell find python -type f -not -name '*.pyc' 2>/dev/null)
package_files := $(cpp_files) $(python_files) CMakeLists.txt pyproject.toml cmake/crt/requirements.txt

.PHONY: test check units python-tests tensorflow-tests test-tensorflow-all bench bench-readme bench-engine bench-tensorflow lint fmt docs sanitize fuzz fuzz-check soak wheel try-install server clean

# ---- commands ----

test: units python-tests tensorflow-tests fuzz-check try-install
	$(call say,make test: all passed)

check: units
	$(MAKE) --no-print-directory python-tests PYTEST_ARGS='-m "not slow" $(PYTEST_ARGS)'

units: $(stamps)/package server
	$(call say,C++ tests)
	$(with_server) ctest --test-dir build/dev --output-on-failure --no-tests=error --parallel $(JOBS) --progress

python-tests: $(stamps)/package $(stamps)/frameworks server
	$(call say,Python and documentation tests)
	$(python) -m pytest --numprocesses $(JOBS) $(PYTEST_ARGS)

tensorflow-tests: $(stamps)/package $(stamps)/tensorflow-$(TENSORFLOW) server
	@PYTHON=$(python) tools/system_packages.sh browser
	$(call say,tests with TensorFlow $(TENSORFLOW))
	@$(tensorflow_python) -m pip install --quiet --disable-pip-version-check --no-deps --force-reinstall $(wheels)/*.whl
	$(tensorflow_python) -m pytest tests/tensorflow --numprocesses $(JOBS) $(PYTEST_ARGS)

test-tensorflow-all: $(stamps)/package server
	@for version in $(TENSORFLOW_VERSIONS); do \
	  $(MAKE) --no-print-directory $(stamps)/tensorflow-$$version TENSORFLOW=$$version; \
	  $(venv)/tensorflow-$$version/bin/python -m pip install --quiet --disable-pip-version-check torch; \
	  $(MAKE) --no-print-directory tensorflow-tests TENSORFLOW=$$version; \
	done

try-install: $(stamps)/try-install

# Its report is in build/bench; the README shows what `make bench-readme` takes from there.
bench: $(stamps)/package server
	$(call say,benchmark)
	@mkdir -p $(report)
	$(venv)/bin/s3native bench --embedded --json $(report)/report.json --html $(report)/report.html \
	  --plot $(report)/report.svg --markdown $(report)/report.md $(BENCH_ARGS)

bench-readme: bench
	$(python) tools/readme_figures.py $(report)/report.json

bench-engine: $(stamps)/package server
	@PYTHON=$(python) tools/system_packages.sh nginx openssl-headers
	$(call say,what is demanded of the engine)
	$(python) bench/run.py $(BENCH_ARGS)

bench-tensorflow: $(stamps)/package $(stamps)/tensorflow-$(TENSORFLOW) server
	@PYTHON=$(python) tools/system_packages.sh nginx
	@$(tensorflow_python) -m pip install --quiet --disable-pip-version-check --requirement <($(python) tools/requirements.py bench-light)
	@$(tensorflow_python) -m pip install --quiet --disable-pip-version-check --no-deps --force-reinstall $(wheels)/*.whl
	$(call say,what is demanded with TensorFlow $(TENSORFLOW))
	$(tensorflow_python) bench/run.py --only 'tf_*' $(BENCH_ARGS)

lint: $(stamps)/package $(stamps)/dev
	$(call say,lint)
	ruff check .
	tools/format.sh --check
	$(python) tools/check_layering.py
	$(python) -m mypy
	cd build && $(python) -m mypy.stubtest s3native._core --allowlist ../tools/stubtest_allowlist.txt
	$(python) tools/reliability_tables.py --check
	$(python) tools/command_pages.py --check

fmt: $(stamps)/dev
	tools/format.sh

docs: $(stamps)/package
	$(python) tools/reliability_tables.py
	$(python) tools/command_pages.py

sanitize: $(stamps)/dev $(stamps)/system server
	$(call say,C++ tests with address and undefined-behaviour sanitizers)
	$(with_server) cmake --workflow --preset asan
	$(call say,C++ tests with thread sanitizer)
	$(with_server) cmake --workflow --preset tsan

fuzz fuzz-check: $(stamps)/build
	@PYTHON=$(python) tools/system_packages.sh fuzzer
	$(call say,fuzzing $(if $(filter fuzz,$@),$(FUZZ_SECONDS) s a target,a fixed number of inputs a target))
	$(python) tests/fuzz/run.py --jobs $(JOBS) $(if $(filter fuzz,$@),--seconds $(FUZZ_SECONDS)) $(FUZZ_ARGS)

soak: $(stamps)/package server
	$(call say,thousands of faults and forks)
	$(python) tests/python/soak.py $(SOAK_ARGS)

wheel: $(stamps)/dev
	$(call say,wheel)
	rm -rf build/wheel && mkdir -p build/wheel
	$(python) -m pip wheel --no-deps --wheel-dir build/wheel -C cmake.define.S3NATIVE_CRT=archive .
	$(python) -m auditwheel repair --wheel-dir dist build/wheel/*.whl
	ls -l dist

clean:
	rm -rf build dist wheelhouse .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis

# ---- what the commands need ----

$(stamps)/venv: tools/find_python.sh tools/system_packages.sh
	@chosen=$$(tools/find_python.sh $(PYTHON)); \
	PYTHON=$$chosen tools/system_packages.sh compiler python-venv python-headers; \
	echo "== making .venv with $$($$chosen --version)"; \
	$$chosen -m venv $(venv)
	@mkdir -p $(@D) && touch $@

$(stamps)/system: $(stamps)/venv
	@PYTHON=$(python) tools/system_packages.sh gtest nginx
	@touch $@

$(stamps)/build: $(stamps)/venv pyproject.toml tools/requirements.py
	$(call say,installing build and test requirements into .venv)
	@$(pip_install) --requirement <($(python) tools/requirements.py build run test bench-light) 'cmake>=3.25,<4' ninja
	@touch $@

$(stamps)/frameworks: $(stamps)/build
	$(call say,installing PyTorch into .venv)
	@$(pip_install) --requirement <($(python) tools/requirements.py torch test-torch)
	@touch $@

$(stamps)/tensorflow-$(TENSORFLOW): $(stamps)/venv pyproject.toml tools/requirements.py
	$(call say,installing TensorFlow $(TENSORFLOW) into an environment of its own)
	@$(python) -m venv $(tensorflow_venv)
	@$(tensorflow_python) -m pip install --quiet --disable-pip-version-check 'tensorflow==$(TENSORFLOW).*' \
	  --requirement <($(python) tools/requirements.py run test-tensorflow)
	@touch $@

$(stamps)/dev: $(stamps)/build
	$(call say,installing the requirements of the extra dev into .venv)
	@$(pip_install) --requirement <($(python) tools/requirements.py dev)
	@touch $@

# One build tree for the extension and the C++ tests: the engine is compiled once for both.
$(stamps)/package: $(stamps)/build $(stamps)/system $(package_files)
	$(call say,building s3native and its C++ tests into .venv and build/dev: minutes at first and seconds later)
	@rm -rf $(wheels)
	@$(python) -m pip wheel --quiet --disable-pip-version-check --no-build-isolation --no-deps --wheel-dir $(wheels) . -C build-dir=build/dev \
	  -C cmake.build-type=RelWithDebInfo -C install.strip=false \
	  -C cmake.define.CMAKE_UNITY_BUILD=OFF -C cmake.define.S3NATIVE_BUILD_TESTS=ON -C cmake.define.S3NATIVE_BUILD_BENCH=ON -C cmake.define.S3NATIVE_WERROR=ON
	@$(pip_install) --no-deps --force-reinstall $(wheels)/*.whl
	@touch $@

$(stamps)/try-install: $(stamps)/venv $(package_files) tools/try_install.sh
	$(call say,pip install . in a fresh environment)
	@tools/try_install.sh $(python)
	@touch $@

# MinIO and toxiproxy, built once per user; they bring Go when there is none.
server: $(stamps)/package
	$(python) -m s3native.testing install-minio
	$(python) tests/server/toxiproxy.py
