//! WebAssembly doors to `allotment-space`.
