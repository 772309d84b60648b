//! `todo gateway` and `todo api`.

use anyhow::{Context, Result};

#[tokio::main]
async fn main() -> Result<()> {
    todo::run(&std::env::args().nth(1).context("usage: todo gateway|api")?).await
}
