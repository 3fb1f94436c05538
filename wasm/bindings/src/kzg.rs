//! WebAssembly doors to `allotment-kzg`.
