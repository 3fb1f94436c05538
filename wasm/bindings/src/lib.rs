//! The one WebAssembly module of Allotment: each submodule opens one crate to JavaScript and holds
//! no logic of its own.

mod aes;
mod cipher;
mod hash;
mod keys;
mod kzg;
mod space;
