//! What a route chooses its cluster by: a hash policy, where that is for clusters.

use envoy_types::pb::envoy::config::route::v3::{
    RouteAction,
    route_action::{
        ClusterSpecifier, HashPolicy,
        hash_policy::{Cookie, Header, PolicySpecifier},
    },
    weighted_cluster::RandomValueSpecifier,
};

use super::{refuse, strict::nothing_else};
use crate::model::StickyKey;

/// The key of a route's choice; none if its clusters take turns.
pub(super) fn sticky_key(action: &RouteAction) -> Result<Option<StickyKey>, String> {
    let weighted = match &action.cluster_specifier {
        Some(ClusterSpecifier::WeightedClusters(weighted)) => weighted.random_value_specifier.as_ref(),
        _ => None,
    };
    let by_hash = match weighted {
        Some(RandomValueSpecifier::UseHashPolicy(by_hash)) => by_hash.value,
        Some(RandomValueSpecifier::HeaderName(name)) => {
            return Err(format!("header_name {name}: a number in a header is not supported by this proxy"));
        }
        None => false,
    };
    match (by_hash, action.hash_policy.as_slice()) {
        (_, []) => Ok(None),
        (true, [policy]) => key(policy).map(Some),
        (true, _) => Err("more than one hash policy is not supported by this proxy".to_owned()),
        // It would choose the host, and hosts take turns here.
        (false, _) => Err("a hash policy is not supported by this proxy but for weighted clusters".to_owned()),
    }
}

fn key(policy: &HashPolicy) -> Result<StickyKey, String> {
    match &policy.policy_specifier {
        Some(PolicySpecifier::Header(header)) => {
            nothing_else(&Header { header_name: String::new(), ..header.clone() })?;
            Ok(StickyKey::Header(header.header_name.to_ascii_lowercase()))
        }
        Some(PolicySpecifier::Cookie(cookie)) => {
            refuse(cookie.ttl.is_none(), "a hash policy that makes cookies")?;
            nothing_else(&Cookie { name: String::new(), ..cookie.clone() })?;
            Ok(StickyKey::Cookie(cookie.name.clone()))
        }
        _ => Err("a hash policy by neither a header nor a cookie is not supported by this proxy".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use envoy_types::pb::{
        envoy::config::route::v3::{WeightedCluster, route_action::hash_policy::ConnectionProperties},
        google::protobuf::{BoolValue, Duration},
    };

    use super::*;

    fn action(by: Option<RandomValueSpecifier>, policies: Vec<PolicySpecifier>) -> RouteAction {
        let weighted = WeightedCluster { random_value_specifier: by, ..WeightedCluster::default() };
        let policy = |specifier| HashPolicy { policy_specifier: Some(specifier), ..HashPolicy::default() };
        RouteAction {
            cluster_specifier: Some(ClusterSpecifier::WeightedClusters(weighted)),
            hash_policy: policies.into_iter().map(policy).collect(),
            ..RouteAction::default()
        }
    }

    fn by_hash() -> RandomValueSpecifier {
        RandomValueSpecifier::UseHashPolicy(BoolValue { value: true })
    }

    fn header() -> PolicySpecifier {
        PolicySpecifier::Header(Header { header_name: "X-User".to_owned(), ..Header::default() })
    }

    #[test]
    fn a_key_is_a_header_or_a_cookie() {
        let cookie = PolicySpecifier::Cookie(Cookie { name: "Ring".to_owned(), ..Cookie::default() });
        let key = |policies| sticky_key(&action(Some(by_hash()), policies));
        assert_eq!(key(vec![header()]), Ok(Some(StickyKey::Header("x-user".to_owned()))));
        assert_eq!(key(vec![cookie]), Ok(Some(StickyKey::Cookie("Ring".to_owned()))));
        assert_eq!(key(Vec::new()), Ok(None));
        assert_eq!(sticky_key(&action(None, Vec::new())), Ok(None));
    }

    #[test]
    fn what_would_choose_otherwise_is_refused() {
        let made = Cookie { ttl: Some(Duration { seconds: 60, nanos: 0 }), ..Cookie::default() };
        let refused = [
            action(None, vec![header()]),
            action(Some(by_hash()), vec![header(), header()]),
            action(Some(by_hash()), vec![PolicySpecifier::Cookie(made)]),
            action(
                Some(by_hash()),
                vec![PolicySpecifier::ConnectionProperties(ConnectionProperties { source_ip: true })],
            ),
            action(Some(RandomValueSpecifier::HeaderName("x-random".to_owned())), Vec::new()),
        ];
        for action in refused {
            assert!(sticky_key(&action).is_err_and(|why| why.contains("not supported")), "{action:?}");
        }
    }
}
