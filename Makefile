# Everything a newcomer needs: `make demo` and `make test`.
SHELL := /bin/bash
BUILD_PACKAGES := build-essential pkg-config libssl-dev
TEST_PACKAGES := xmlsec1 libxml2-utils python3 python3-venv openssl curl
PYTHON_ENV := target/python

.PHONY: demo test setup setup-test check fmt python help

help: ## what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

demo: setup ## set up, build, and play the scenario; the gateway then stays up
	cargo run --release -- demo

setup: ## install what building needs
	@.ci/install $(BUILD_PACKAGES)

setup-test: ## install what testing needs
	@.ci/install $(BUILD_PACKAGES) $(TEST_PACKAGES)

python: setup-test
	@test -x $(PYTHON_ENV)/bin/python || python3 -m venv $(PYTHON_ENV)
	@$(PYTHON_ENV)/bin/python -c 'import signxml' 2>/dev/null || $(PYTHON_ENV)/bin/pip -q install 'signxml==5.2.0'

test: setup-test python ## set up and run the whole test suite
	cargo fmt --all --check
	cargo clippy --all-targets -- -D warnings
	GLASSGATE_PYTHON=$(CURDIR)/$(PYTHON_ENV)/bin/python cargo test

fmt: ## format the code
	cargo fmt --all
