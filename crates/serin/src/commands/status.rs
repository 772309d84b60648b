//! `serin status`: the whole house in one picture.

use anyhow::Result;

use super::{connect, scopes};
use crate::{cli, picture, print};

/// Prints the picture of every account and region that has anything, or of the one that is named.
pub(crate) async fn run(options: cli::Status) -> Result<()> {
    let client = connect(&options.target);
    let mut pictures = Vec::new();
    for scope in scopes(&client, &options.target).await? {
        pictures.push(picture::gather(&client, &scope).await?);
    }
    if options.json {
        return print::json(&pictures);
    }
    pictures.retain(|picture| !picture.is_empty());
    if pictures.is_empty() {
        print::line("Nothing here yet. `aws cloudformation deploy` something, or try `serin demo`.")?;
    }
    for picture in &pictures {
        print::line(picture::render(picture))?;
    }
    Ok(())
}
