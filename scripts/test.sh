#!/usr/bin/env bash
# The whole proof, from cheap to dear: lint, types, Rust, unit and integration tests, conformance, Chromium.
set -uo pipefail
cd "$(dirname "$0")/.."

passed=0
failed=0
step() {
  local name=$1
  shift
  echo
  echo "== $name"
  local from=$SECONDS
  if "$@"; then
    passed=$((passed + 1))
    echo "== $name: ok ($((SECONDS - from)) s)"
  else
    failed=$((failed + 1))
    echo "== $name: FAILED ($((SECONDS - from)) s)"
  fi
}
go_gateway() { (cd helper/gateway && test -z "$(gofmt -l .)" && go vet ./... && go test ./...); }
have() { command -v "$1" >/dev/null 2>&1; }

step "lint and format" npm run --silent lint
step "types" npm run --silent typecheck
step "shipped WebAssembly is current" bash scripts/build-wasm.sh --check
if have cargo; then
  step "Rust format" cargo fmt --all --check --manifest-path wasm/Cargo.toml
  step "clippy" cargo clippy --quiet --manifest-path wasm/Cargo.toml --all-targets -- -D warnings
  step "Rust tests" cargo test --quiet --release --manifest-path wasm/Cargo.toml
else
  echo "cargo is not installed: the Rust sources are not tested here, their compiled module is"
fi
if have go; then
  step "gateway" go_gateway
else
  echo "Go is not installed: the gateway is not tested here"
fi
step "unit and integration tests" npm run --silent test:unit
step "conformance" npm run --silent conformance
step "conformance of edge cases" npm run --silent conformance -- tests/edges
step "Chromium" npm run --silent test:e2e

echo
echo "steps: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
