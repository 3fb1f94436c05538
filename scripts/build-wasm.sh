#!/usr/bin/env bash
# Builds the WebAssembly module of wasm/bindings into wasm/pkg and records the digest of its sources.
#   scripts/build-wasm.sh            build
#   scripts/build-wasm.sh --check    build nothing; fail if wasm/pkg was made from other sources
# Needs cargo with the wasm32-unknown-unknown target, wasm-pack and wasm-bindgen; what is missing is
# prepared by scripts/wasm-toolchain.sh.
set -euo pipefail
cd "$(dirname "$0")/.."

digest() {
  find wasm -path wasm/target -prune -o -path wasm/pkg -prune -o \
    \( -name '*.rs' -o -name 'Cargo.toml' -o -name 'Cargo.lock' -o -name '*.bin' \) -type f -print |
    LC_ALL=C sort | while read -r f; do printf '%s %s\n' "$(tr -d '\r' < "$f" | sha256sum | cut -d' ' -f1)" "$f"; done |
    sha256sum | cut -d' ' -f1
}

if [ "${1:-}" = --check ]; then
  want=$(cat wasm/pkg/SOURCES.sha256 2>/dev/null || echo none)
  have=$(digest)
  if [ "$want" != "$have" ]; then
    echo "wasm/pkg is stale: built from sources $want, the sources are now $have. Run: npm run wasm" >&2
    exit 1
  fi
  echo "wasm/pkg matches its sources ($have)"
  exit 0
fi

eval "$(bash scripts/wasm-toolchain.sh)"
export PATH="$PWD/node_modules/.bin:$PATH"
RUSTFLAGS="-C target-feature=+simd128,+bulk-memory,+sign-ext,+nontrapping-fptoint,+mutable-globals" \
  wasm-pack build wasm/bindings --target web --release --mode no-install --no-pack --out-dir ../pkg --out-name allotment
rm -f wasm/pkg/.gitignore wasm/pkg/package.json wasm/pkg/README.md
digest > wasm/pkg/SOURCES.sha256
ls -l wasm/pkg
