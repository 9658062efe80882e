//! The binary `weal`. Everything it does stands in the library beside it, so that tests reach it.

fn main() -> std::process::ExitCode {
    weal_cli::run(std::env::args_os())
}
