//! ACM-PCA: authorities of one's own.
//!
//! An authority is made with a key and a request for a certificate. A root answers its own request, a subordinate has
//! another authority answer it; given back to it, the certificate makes it active, and then it signs.

mod authority;
mod certificate;
mod forgetting;
mod tag;
mod template;

use api::acmpca as api;
use wire::{Bound, bind};

use crate::State;

pub(crate) use forgetting::Forgetting;

/// Every operation of the service.
pub(crate) fn operations() -> Vec<Bound<State>> {
    vec![
        bind::<api::CreateCertificateAuthority, _, _, _, _>(authority::create_certificate_authority),
        bind::<api::DescribeCertificateAuthority, _, _, _, _>(authority::describe_certificate_authority),
        bind::<api::GetCertificateAuthorityCsr, _, _, _, _>(authority::get_certificate_authority_csr),
        bind::<api::GetCertificateAuthorityCertificate, _, _, _, _>(authority::get_certificate_authority_certificate),
        bind::<api::ImportCertificateAuthorityCertificate, _, _, _, _>(
            authority::import_certificate_authority_certificate,
        ),
        bind::<api::ListCertificateAuthorities, _, _, _, _>(authority::list_certificate_authorities),
        bind::<api::UpdateCertificateAuthority, _, _, _, _>(authority::update_certificate_authority),
        bind::<api::DeleteCertificateAuthority, _, _, _, _>(authority::delete_certificate_authority),
        bind::<api::RestoreCertificateAuthority, _, _, _, _>(authority::restore_certificate_authority),
        bind::<api::IssueCertificate, _, _, _, _>(certificate::issue_certificate),
        bind::<api::GetCertificate, _, _, _, _>(certificate::get_certificate),
        bind::<api::TagCertificateAuthority, _, _, _, _>(tag::tag_certificate_authority),
        bind::<api::UntagCertificateAuthority, _, _, _, _>(tag::untag_certificate_authority),
        bind::<api::ListTags, _, _, _, _>(tag::list_tags),
        bind::<api::CreatePermission, _, _, _, _>(tag::create_permission),
        bind::<api::DeletePermission, _, _, _, _>(tag::delete_permission),
        bind::<api::ListPermissions, _, _, _, _>(tag::list_permissions),
    ]
}
