#!/usr/bin/env bash
# Prepares what builds Rust to wasm32-unknown-unknown and prints, on stdout, the environment to eval.
# First choice: the active rustup toolchain (its target is added if missing). Where rustup's downloads
# cannot be had: the distribution's rustc-web packages, with std compiled once into their sysroot.
set -euo pipefail
CACHE=${WASM_CACHE:-$HOME/.cache/wasm-toolchain}
BINDGEN_VERSION=$(sed -n 's/^wasm-bindgen = "=\(.*\)"/\1/p' "$(dirname "$0")/../wasm/bindings/Cargo.toml")
mkdir -p "$CACHE/tools"
log() { echo "$@" >&2; }

have_target() { [ -d "$(rustc --print target-libdir --target wasm32-unknown-unknown 2>/dev/null)" ]; }

if [ "${FORCE_FALLBACK:-0}" != 1 ] && command -v rustup >/dev/null &&
  { have_target || timeout 180 rustup target add wasm32-unknown-unknown >&2; }; then
  log "wasm32 target: rustup"
else
  log "wasm32 target: the distribution's packages"
  if ! dpkg -s rustc-web cargo-web rust-web-src lld-22 >/dev/null 2>&1; then
    apt-get update -q >&2
    # rust-web-llvm brings the /usr/bin/rust-lld link, which dangles without the lld of the same LLVM.
    apt-get install -y --no-install-recommends rustc-web cargo-web rust-web-src rust-web-llvm lld-22 >&2
  fi
  libs=/usr/lib/rustlib/wasm32-unknown-unknown/lib
  if [ ! -e "$libs/.done-$(/usr/bin/rustc -V | cut -d' ' -f2)" ]; then
    seed="$CACHE/std-seed"
    rm -rf "$seed" "$libs" && mkdir -p "$seed/src" "$libs"
    printf '[package]\nname="std-seed"\nversion="0.0.0"\nedition="2021"\n[lib]\npath="src/lib.rs"\n[workspace]\n' > "$seed/Cargo.toml"
    : > "$seed/src/lib.rs"
    (cd "$seed" && env -u RUSTUP_TOOLCHAIN RUSTC_BOOTSTRAP=1 RUSTC=/usr/bin/rustc CARGO_TARGET_DIR="$seed/target" \
      /usr/bin/cargo build --release -Zbuild-std=std,panic_abort --target wasm32-unknown-unknown >&2)
    cp "$seed"/target/wasm32-unknown-unknown/release/deps/*.rlib "$libs/"
    rm -rf "$libs"/libstd_seed* "$seed"
    touch "$libs/.done-$(/usr/bin/rustc -V | cut -d' ' -f2)"
  fi
  echo "export RUSTC=/usr/bin/rustc CARGO=/usr/bin/cargo CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=/usr/bin/rust-lld"
  echo 'export PATH=/usr/bin:$PATH'
fi

# Host tools, built once with the ordinary host toolchain. wasm-bindgen without --locked: its lock file
# names releases that not every registry mirror carries.
if [ "$("$CACHE/tools/bin/wasm-bindgen" -V 2>/dev/null)" != "wasm-bindgen $BINDGEN_VERSION" ]; then
  cargo install wasm-bindgen-cli --version "$BINDGEN_VERSION" --no-default-features --root "$CACHE/tools" --force >&2
fi
[ -x "$CACHE/tools/bin/wasm-pack" ] || cargo install wasm-pack --locked --root "$CACHE/tools" >&2
echo "export PATH=$CACHE/tools/bin:\$PATH"
