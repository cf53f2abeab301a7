//! The program `capy-server`, which `capy serve` runs.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    capy_cli::server_program::main()
}
