//! Which filter chain a connection belongs to.
//!
//! As Envoy decides: by port, then by the server that is asked for, then by whether it is secured, then by what is
//! offered to be spoken. At each step those that ask for just this go before those that do not ask, and no step is taken
//! back.

use crate::{model::ChainMatch, sni};

/// Whether anybody asks for more than the port.
pub(crate) fn is_about_hello(matches: &ChainMatch) -> bool {
    !matches.server_names.is_empty() || matches.secured.is_some() || !matches.protocols.is_empty()
}

/// Those of `all` that are for `port`.
pub(crate) fn by_port<T: Clone>(all: &[T], of: impl for<'a> Fn(&'a T) -> &'a ChainMatch, port: u16) -> Vec<T> {
    narrow(all.to_vec(), |one| match of(one).destination_port {
        Some(wanted) if wanted == port => Fit::Just(0),
        Some(_) => Fit::Not,
        None => Fit::Open,
    })
}

/// The one of `candidates` that is for a connection that began with `hello`; none if it is not secured.
pub(crate) fn by_hello<T: Clone>(
    candidates: Vec<T>,
    of: impl for<'a> Fn(&'a T) -> &'a ChainMatch,
    hello: Option<&sni::Hello>,
) -> Option<T> {
    let name = hello.and_then(|hello| hello.name.as_deref());
    let named = narrow(candidates, |one| match (of(one).server_names.as_slice(), name) {
        ([], _) => Fit::Open,
        (wanted, Some(name)) => sni::fit(name, wanted).map_or(Fit::Not, Fit::Just),
        (_, None) => Fit::Not,
    });
    let secured = narrow(named, |one| match of(one).secured {
        Some(wanted) if wanted == hello.is_some() => Fit::Just(0),
        Some(_) => Fit::Not,
        None => Fit::Open,
    });
    let offered = hello.map_or(&[][..], |hello| hello.protocols.as_slice());
    let spoken = narrow(secured, |one| match of(one).protocols.as_slice() {
        [] => Fit::Open,
        wanted if wanted.iter().any(|wanted| offered.contains(wanted)) => Fit::Just(0),
        _ => Fit::Not,
    });
    spoken.into_iter().next()
}

/// How a chain fits at a step.
enum Fit {
    /// It asks for just this; the most is best.
    Just(usize),
    /// It does not ask.
    Open,
    Not,
}

fn narrow<T: Clone>(candidates: Vec<T>, fit: impl Fn(&T) -> Fit) -> Vec<T> {
    let best = candidates.iter().filter_map(|one| if let Fit::Just(much) = fit(one) { Some(much) } else { None }).max();
    let stays = |one: &T| match (fit(one), best) {
        (Fit::Just(much), Some(best)) => much == best,
        (Fit::Open, None) => true,
        _ => false,
    };
    candidates.into_iter().filter(stays).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(port: Option<u16>, names: &[&str], secured: Option<bool>, protocols: &[&str]) -> ChainMatch {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        ChainMatch { destination_port: port, server_names: texts(names), secured, protocols: texts(protocols) }
    }

    fn choose(chains: &[ChainMatch], port: u16, hello: Option<(&str, &[&str])>) -> Option<usize> {
        let hello = hello.map(|(name, protocols)| sni::Hello {
            name: Some(name.to_owned()).filter(|name| !name.is_empty()),
            protocols: protocols.iter().map(|text| (*text).to_owned()).collect(),
        });
        let all: Vec<(usize, ChainMatch)> = chains.iter().cloned().enumerate().collect();
        by_hello(by_port(&all, |one| &one.1, port), |one| &one.1, hello.as_ref()).map(|one| one.0)
    }

    #[test]
    fn secured_and_bare_connections_share_a_port() {
        let chains = [chain(Some(80), &[], Some(true), &[]), chain(Some(80), &[], Some(false), &[])];
        assert_eq!(choose(&chains, 80, Some(("", &[]))), Some(0));
        assert_eq!(choose(&chains, 80, None), Some(1));
        assert_eq!(choose(&chains, 81, None), None);
    }

    #[test]
    fn the_best_name_goes_first_and_then_what_is_spoken() {
        let chains = [
            chain(None, &[], None, &[]),
            chain(None, &["*.example"], None, &[]),
            chain(None, &["*.api.example"], None, &[]),
            chain(None, &["v1.api.example"], Some(true), &["h2"]),
            chain(None, &["v1.api.example"], Some(true), &[]),
        ];
        assert_eq!(choose(&chains, 1, None), Some(0));
        assert_eq!(choose(&chains, 1, Some(("other", &[]))), Some(0));
        assert_eq!(choose(&chains, 1, Some(("b.example", &[]))), Some(1));
        assert_eq!(choose(&chains, 1, Some(("v2.api.example", &[]))), Some(2));
        assert_eq!(choose(&chains, 1, Some(("v1.api.example", &["h2", "http/1.1"]))), Some(3));
        assert_eq!(choose(&chains, 1, Some(("v1.api.example", &["http/1.1"]))), Some(4));
    }

    #[test]
    fn no_step_is_taken_back() {
        let chains = [chain(Some(80), &["a"], None, &[]), chain(None, &[], None, &[])];
        assert_eq!(choose(&chains, 80, Some(("b", &[]))), None, "the port has chains of its own");
    }
}
