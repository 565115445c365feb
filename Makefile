# Everything a newcomer needs: `make demo` and `make test`.
SHELL := /bin/bash
BUILD_PACKAGES := build-essential pkg-config libssl-dev
# a Node that is there, from wherever, is used
NODE_PACKAGES := $(if $(and $(shell command -v node 2>/dev/null),$(shell command -v npm 2>/dev/null)),,nodejs npm)
TEST_PACKAGES := xmlsec1 libxml2-utils python3 python3-venv openssl curl $(NODE_PACKAGES)
PYTHON_ENV := target/python
NODE_ENV := target/node

# the second opinions on signatures are compiled against libxmlsec1
ORACLE_PACKAGES := libxmlsec1-dev libxml2-dev clang libclang-dev
BENCH_PACKAGES := nginx-light patch $(ORACLE_PACKAGES)

FUZZ_SECONDS ?= 60
FUZZ_TARGETS ?= $(sort $(basename $(notdir $(wildcard fuzz/fuzz_targets/*.rs))))

.PHONY: demo test bench soak fuzz setup setup-test fmt python node receivers help

help: ## what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

demo: setup ## set up, build, and play the scenario; the gateway then stays up
	cargo run --release -- demo

setup: ## install what building needs
	@.ci/install $(BUILD_PACKAGES)

setup-test: ## install what testing needs
	@.ci/install $(BUILD_PACKAGES) $(TEST_PACKAGES)

python: $(PYTHON_ENV)/installed

$(PYTHON_ENV)/installed: tests/clients/requirements.txt | setup-test
	python3 -m venv $(PYTHON_ENV)
	$(PYTHON_ENV)/bin/pip -q install -r $<
	@touch $@

node: $(NODE_ENV)/installed

$(NODE_ENV)/installed: tests/clients/package.json tests/clients/package-lock.json | setup-test
	@mkdir -p $(NODE_ENV) && cp $^ $(NODE_ENV)
	npm ci --loglevel=error --ignore-scripts --no-audit --no-fund --prefix $(NODE_ENV)
	@touch $@

receivers: setup-test
	@.ci/receivers

test: setup-test python node receivers ## set up and run the whole test suite
	@.ci/install $(ORACLE_PACKAGES)
	cargo fmt --all --check
	cargo clippy --all-targets --features oracle -- -D warnings
	GLASSGATE_PYTHON=$(CURDIR)/$(PYTHON_ENV)/bin/python GLASSGATE_NODE_MODULES=$(CURDIR)/$(NODE_ENV)/node_modules cargo test
	cargo test --features oracle --test oracle

bench: setup-test python node ## measure, beside limits and peers, and write docs/performance.md
	@.ci/install $(BENCH_PACKAGES)
	cargo build --release --manifest-path benches/peers/Cargo.toml --target-dir target/peers
	benches/without_audit
	cargo build --release --bins --examples
	GLASSGATE_PYTHON=$(CURDIR)/$(PYTHON_ENV)/bin/python GLASSGATE_NODE_MODULES=$(CURDIR)/$(NODE_ENV)/node_modules cargo bench --bench steps --bench system
	@rm target/release/glassgate-without-audit # nobody is to take it for the gateway

soak: setup ## kill, fill and crowd the gateway for long, and write docs/reliability.md
	cargo test --release --test durability soak -- --ignored --nocapture

target/tools/bin/cargo-fuzz:
	cargo install --root target/tools cargo-fuzz --version 0.13.2 --locked

fuzz: setup target/tools/bin/cargo-fuzz ## fuzz every parser, FUZZ_SECONDS=60 each
	@.ci/install $(ORACLE_PACKAGES)
	@.ci/fuzz $(FUZZ_SECONDS) $(FUZZ_TARGETS)

fmt: ## format the code
	cargo fmt --all
