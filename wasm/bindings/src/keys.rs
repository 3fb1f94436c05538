//! WebAssembly doors to `allotment-keys`.
