//! WebAssembly doors to `allotment-aes`.
