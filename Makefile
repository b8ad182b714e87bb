# Every target makes what it needs. `make demo` shows the product, `make check test slow` is what continuous integration runs.
.PHONY: help demo check test slow bench generate clean
.DELETE_ON_ERROR:
BIN := .venv/bin

help:
	@echo "make demo      a whole company to look at, on this machine; Ctrl-C ends it and leaves nothing behind"
	@echo "make check     style, types, generated files"
	@echo "make test      all tests but the slow ones, against the real PostgreSQL, Prometheus and Alertmanager; ten minutes"
	@echo "make slow      the slow ones: from end to end, floods, soaks; twenty minutes"
	@echo "make bench     cost beside the peers, side by side in one run; ten minutes; writes docs/performance.md"
	@echo "make generate  write the generated files: catalogue, dashboards, rules, routing, reference pages"
	@echo "make clean     remove what the other targets made"

demo: .venv/.demo
	@$(BIN)/bellwether demo

check: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python .ci/generate --check

# Programs in Go, promtool among them, and Jsonnet collect their garbage less often: memory is plenty.
test slow: export GOGC = 400

test: .venv/.dev
	$(BIN)/python -m pytest -n 2 -m "not slow"

slow: .venv/.dev
	$(BIN)/python -m pytest -n 2 -m slow

bench: .venv/.dev
	$(BIN)/python -m tests.bench

generate: .venv/.dev
	$(BIN)/python .ci/generate

clean:
	rm -rf .venv .tools .mypy_cache .pytest_cache .ruff_cache .hypothesis

.venv/.demo: pyproject.toml .ci/venv
	@echo "installing Bellwether into .venv ..."
	@.ci/venv demo
	@touch $@

.venv/.dev: pyproject.toml .ci/venv
	@.ci/venv demo,dev
	@touch $@
