//! ACM's table of operations.

mod certificate;
mod inside;
mod list;
mod request;
mod tag;
mod users;

use api::acm as api;
use wire::{Bound, bind};

use crate::State;

pub(crate) use inside::{IDENTITY_LIFETIME, make as make_identity};
pub(crate) use request::wanted;

/// Every operation of the service.
pub(crate) fn operations() -> Vec<Bound<State>> {
    vec![
        bind::<api::RequestCertificate, _, _, _, _>(request::request_certificate),
        bind::<api::ImportCertificate, _, _, _, _>(request::import_certificate),
        bind::<api::UpdateCertificateOptions, _, _, _, _>(request::update_certificate_options),
        bind::<api::DescribeCertificate, _, _, _, _>(certificate::describe_certificate),
        bind::<api::GetCertificate, _, _, _, _>(certificate::get_certificate),
        bind::<api::ExportCertificate, _, _, _, _>(certificate::export_certificate),
        bind::<api::RenewCertificate, _, _, _, _>(certificate::renew_certificate),
        bind::<api::DeleteCertificate, _, _, _, _>(certificate::delete_certificate),
        bind::<api::ListCertificates, _, _, _, _>(list::list_certificates),
        bind::<api::AddTagsToCertificate, _, _, _, _>(tag::add_tags_to_certificate),
        bind::<api::RemoveTagsFromCertificate, _, _, _, _>(tag::remove_tags_from_certificate),
        bind::<api::ListTagsForCertificate, _, _, _, _>(tag::list_tags_for_certificate),
        bind::<api::GetKeyPair, _, _, _, _>(inside::get_key_pair),
        bind::<api::IssueIdentity, _, _, _, _>(inside::issue_identity),
        bind::<api::DescribeTrust, _, _, _, _>(inside::describe_trust),
    ]
}
