//! Telling what stacks give each other.

use api::cloudformation::{
    Export as Shown, ListExportsRequest, ListExportsResponse, ListImportsRequest, ListImportsResponse,
};
use store::Key;
use wire::{Context, page};

use crate::{Cloudformation, error::Error, exports, rows::Export};

/// Exports or imports on a page.
const PAGE: usize = 100;

/// Tells of all exports.
pub(super) async fn list_exports(
    cx: Context<Cloudformation>,
    request: ListExportsRequest,
) -> Result<ListExportsResponse, Error> {
    let exports = cx.store.list::<Export>(cx.scope())?;
    let shown = |(key, export): (Key, Export)| Shown {
        exporting_stack_id: export.stack_id,
        name: key.name,
        value: export.value,
    };
    let exports = exports.into_iter().map(shown).collect();
    let (exports, next_token) =
        page(exports, |export: &Shown| export.name.clone(), PAGE, request.next_token.as_deref())?;
    Ok(ListExportsResponse { exports, next_token })
}

/// Tells who imports an export.
pub(super) async fn list_imports(
    cx: Context<Cloudformation>,
    request: ListImportsRequest,
) -> Result<ListImportsResponse, Error> {
    let scope = cx.scope();
    let name = &request.export_name;
    let importers = cx.store.write(|tx| {
        if tx.get::<Export>(&Key::new(scope, name))?.is_none() {
            return Err(Error::Invalid(format!("Export '{name}' does not exist.")));
        }
        exports::importers(tx, scope, name)
    })?;
    if importers.is_empty() {
        return Err(Error::Invalid(format!("Export '{name}' is not imported by any stack.")));
    }
    let (imports, next_token) = page(importers, String::clone, PAGE, request.next_token.as_deref())?;
    Ok(ListImportsResponse { imports, next_token })
}
