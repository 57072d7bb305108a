//! What developers of keepalive run: `cargo xtask --help`.

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Proves keepalive")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Lists the planted bugs
    Catalogue,
}

fn main() {
    match Arguments::parse().command {
        Command::Catalogue => {}
    }
}
