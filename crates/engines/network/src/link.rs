//! Links, addresses, routes and neighbours, by rtnetlink, inside a namespace.
//!
//! A netlink socket belongs to the namespace of the thread that made it. So each piece of work gets a thread inside
//! the namespace, a small runtime on it and a connection of its own; all three end with the work.

use std::{future::Future, net::Ipv4Addr, os::fd::AsRawFd, time::Duration};

use futures::TryStreamExt;
use rtnetlink::{
    Handle, LinkMessageBuilder, LinkUnspec, LinkVeth, RouteMessageBuilder,
    packet_route::{
        address::{AddressAttribute, AddressFlags},
        link::{InfoData, InfoVeth, LinkAttribute, State},
        neighbour::NeighbourState,
        route::RouteScope,
    },
};

use crate::{Error, Namespace};

/// The index of `lo` in every namespace.
const LOOPBACK: u32 = 1;

/// How long one piece of work may wait for the kernel. It answers in milliseconds unless the machine is in trouble.
const PATIENCE: Duration = Duration::from_secs(10);

/// The pause between two looks at a link that is about to come up; [`PATIENCE`] bounds them all.
const CARRIER_PAUSE: Duration = Duration::from_millis(1);

/// A connection to the kernel's routing tables in one namespace.
pub(crate) struct Links(Handle);

/// Runs `work` on a thread inside `namespace`, with a connection to its routing tables.
pub(crate) async fn within<T, F>(
    namespace: &Namespace,
    doing: &'static str,
    work: impl FnOnce(Links) -> F + Send + 'static,
) -> Result<T, Error>
where
    T: Send + 'static,
    F: Future<Output = Result<T, Error>>,
{
    let failed = move |source| Error::Namespace { doing, name: "netlink socket".to_owned(), source };
    namespace
        .run(doing, move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
            runtime.block_on(async {
                let (connection, handle, _) = rtnetlink::new_connection().map_err(failed)?;
                tokio::spawn(connection);
                tokio::time::timeout(PATIENCE, work(Links(handle)))
                    .await
                    .map_err(|_| Error::Silent { doing, seconds: PATIENCE.as_secs() })?
            })
        })
        .await?
}

/// A link's hardware address.
pub type Mac = [u8; 6];

impl Links {
    /// The index of the link called `name`, if there is one.
    pub(crate) async fn find(&self, name: &str) -> Result<Option<u32>, Error> {
        match self.0.link().get().match_name(name).execute().try_next().await {
            Ok(link) => Ok(link.map(|link| link.header.index)),
            Err(error) if errno(&error) == libc::ENODEV => Ok(None),
            Err(source) => Err(Error::Link { doing: "look for link", thing: name.to_owned(), source }),
        }
    }

    /// The index of the link called `name`, which was just made.
    pub(crate) async fn index(&self, name: &str) -> Result<u32, Error> {
        self.find(name).await?.ok_or_else(|| Error::Link {
            doing: "look for link",
            thing: name.to_owned(),
            source: rtnetlink::Error::RequestFailed,
        })
    }

    /// The names of all links.
    pub(crate) async fn names(&self) -> Result<Vec<String>, Error> {
        let links: Vec<_> = self.0.link().get().execute().try_collect().await.map_err(|source| Error::Link {
            doing: "list",
            thing: "links".to_owned(),
            source,
        })?;
        let name = |attribute| if let LinkAttribute::IfName(name) = attribute { Some(name) } else { None };
        Ok(links.into_iter().filter_map(|link| link.attributes.into_iter().find_map(name)).collect())
    }

    /// Deletes the link called `name`, and its peer with it; nothing if there is none.
    pub(crate) async fn delete(&self, name: &str) -> Result<(), Error> {
        let Some(index) = self.find(name).await? else { return Ok(()) };
        match self.0.link().del(index).execute().await {
            // It went with its peer's namespace meanwhile.
            Err(error) if errno(&error) == libc::ENODEV => Ok(()),
            other => other.map_err(|source| Error::Link { doing: "delete link", thing: name.to_owned(), source }),
        }
    }

    /// Makes a pair of links: `name` here, `peer` in `namespace`; both down.
    pub(crate) async fn add_pair(
        &self,
        (name, mac): (&str, Mac),
        (peer, peer_mac): (&str, Mac),
        namespace: &Namespace,
    ) -> Result<(), Error> {
        let far = LinkMessageBuilder::<LinkUnspec>::new()
            .name(peer)
            .address(peer_mac.to_vec())
            .setns_by_fd(std::os::fd::AsFd::as_fd(namespace).as_raw_fd())
            .build();
        let near =
            LinkVeth::new(name, peer).address(mac.to_vec()).set_info_data(InfoData::Veth(InfoVeth::Peer(far))).build();
        self.0.link().add(near).execute().await.map_err(|source| Error::Link {
            doing: "add link",
            thing: name.to_owned(),
            source,
        })
    }

    /// Brings the link with `index` up.
    pub(crate) async fn up(&self, index: u32) -> Result<(), Error> {
        self.0
            .link()
            .set(LinkUnspec::new_with_index(index).up().build())
            .execute()
            .await
            .map_err(|source| Error::Link { doing: "bring up link", thing: index.to_string(), source })
    }

    /// Waits until the link with `index`, whose other end came up last, carries what is sent.
    ///
    /// A link that came up before its other end is told of the carrier by a worker of the kernel's, a moment later;
    /// until then it drops what it is given. The worker switches the link on while it holds the lock that every change
    /// of a link takes, right after it has written the state we look at: the change at the end, which changes
    /// nothing, comes after that.
    pub(crate) async fn carries(&self, index: u32) -> Result<(), Error> {
        let failed = |source| Error::Link { doing: "look at link", thing: index.to_string(), source };
        loop {
            let link = self.0.link().get().match_index(index).execute().try_next().await.map_err(failed)?;
            let up = LinkAttribute::OperState(State::Up);
            if link.is_some_and(|link| link.attributes.contains(&up)) {
                return self.up(index).await;
            }
            tokio::time::sleep(CARRIER_PAUSE).await;
        }
    }

    /// Brings `lo` up.
    pub(crate) async fn loopback_up(&self) -> Result<(), Error> {
        self.up(LOOPBACK).await
    }

    /// The addresses on `lo` that are not the loopback network's.
    pub(crate) async fn loopback_addresses(&self) -> Result<Vec<Ipv4Addr>, Error> {
        let all = self.0.address().get().set_link_index_filter(LOOPBACK).execute();
        let all: Vec<_> = all.try_collect().await.map_err(|source| Error::Link {
            doing: "list addresses of",
            thing: "lo".to_owned(),
            source,
        })?;
        let local = |attribute: &AddressAttribute| match attribute {
            AddressAttribute::Local(std::net::IpAddr::V4(address)) if !address.is_loopback() => Some(*address),
            _ => None,
        };
        Ok(all.iter().filter_map(|message| message.attributes.iter().find_map(local)).collect())
    }

    /// Puts `address`/32 on `lo`; nothing if it is there.
    pub(crate) async fn add_loopback_address(&self, address: Ipv4Addr) -> Result<(), Error> {
        let request = self.0.address().add(LOOPBACK, address.into(), 32);
        request.replace().execute().await.map_err(|source| Error::Link {
            doing: "add address",
            thing: address.to_string(),
            source,
        })
    }

    /// Takes `address` from `lo`; nothing if it is not there.
    pub(crate) async fn delete_loopback_address(&self, address: Ipv4Addr) -> Result<(), Error> {
        let message = rtnetlink::AddressMessageBuilder::<Ipv4Addr>::new().index(LOOPBACK).address(address, 32).build();
        match self.0.address().del(message).execute().await {
            Err(error) if errno(&error) == libc::EADDRNOTAVAIL => Ok(()),
            other => {
                other.map_err(|source| Error::Link { doing: "delete address", thing: address.to_string(), source })
            }
        }
    }

    /// Puts `address`/`prefix` on the link with `index`, without the route to its neighbours that the kernel would
    /// add: all that leaves the link goes to the router.
    pub(crate) async fn add_address(&self, index: u32, address: Ipv4Addr, prefix: u8) -> Result<(), Error> {
        let mut request = self.0.address().add(index, address.into(), prefix);
        request.message_mut().attributes.push(AddressAttribute::Flags(AddressFlags::Noprefixroute));
        request.execute().await.map_err(|source| Error::Link {
            doing: "add address",
            thing: address.to_string(),
            source,
        })
    }

    /// A route to `to` alone, straight out of the link with `index`; `source` is the address we speak from by default.
    pub(crate) async fn route_to(&self, to: Ipv4Addr, index: u32, source: Ipv4Addr) -> Result<(), Error> {
        let route = RouteMessageBuilder::<Ipv4Addr>::new()
            .destination_prefix(to, 32)
            .output_interface(index)
            .scope(RouteScope::Link)
            .pref_source(source)
            .build();
        self.0.route().add(route).replace().execute().await.map_err(|source| Error::Link {
            doing: "add route to",
            thing: to.to_string(),
            source,
        })
    }

    /// The route for all else, by `router`.
    pub(crate) async fn route_default(&self, router: Ipv4Addr) -> Result<(), Error> {
        let route = RouteMessageBuilder::<Ipv4Addr>::new().gateway(router).build();
        self.0.route().add(route).replace().execute().await.map_err(|source| Error::Link {
            doing: "add default route by",
            thing: router.to_string(),
            source,
        })
    }

    /// Says for good which hardware address `address` has on the link with `index`. The kernel's table of learnt
    /// neighbours is one for all namespaces and holds 1024; those that are told are not counted.
    pub(crate) async fn neighbour(&self, index: u32, address: Ipv4Addr, mac: Mac) -> Result<(), Error> {
        self.0
            .neighbours()
            .add(index, address.into())
            .link_layer_address(&mac)
            .state(NeighbourState::Permanent)
            .replace()
            .execute()
            .await
            .map_err(|source| Error::Link { doing: "add neighbour", thing: address.to_string(), source })
    }
}

/// The error number that the kernel answered; zero if it was something else.
fn errno(error: &rtnetlink::Error) -> i32 {
    match error {
        rtnetlink::Error::NetlinkError(message) => message.raw_code().abs(),
        _ => 0,
    }
}
