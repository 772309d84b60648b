//! What the edge holds, and how it follows what it is told.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    path::PathBuf,
};

use serde_json::Value;
use tokio::sync::watch;
use tracing::{info, warn};

use crate::{
    Hello, ItemError, Section as Plugged,
    place::Place,
    protocol::{Observed, Reply, Section, Vpc, Zones},
    section::Vpcs,
};

/// Everything the edge holds. One request at a time works on it.
pub(crate) struct Holder {
    version: String,
    places: BTreeMap<String, Place>,
    /// The same VPCs, as plugged sections see them.
    vpcs: Vpcs,
    /// Names by owner. They are kept also for VPCs that are not there yet: sections come in any order.
    zones: BTreeMap<String, BTreeMap<String, dns::Zones>>,
    control_plane: watch::Sender<SocketAddr>,
    resolvers: PathBuf,
    plugged: Vec<Box<dyn Plugged>>,
}

impl Holder {
    pub(crate) fn new(
        version: String,
        control_plane: SocketAddr,
        resolvers: PathBuf,
        plugged: Vec<Box<dyn Plugged>>,
    ) -> Self {
        Self {
            version,
            places: BTreeMap::new(),
            vpcs: Vpcs::default(),
            zones: BTreeMap::new(),
            control_plane: watch::Sender::new(control_plane),
            resolvers,
            plugged,
        }
    }

    pub(crate) fn hello(&self) -> Hello {
        let vpcs = self.places.iter().map(|(id, place)| (id.clone(), place.held())).collect();
        Hello { pid: std::process::id(), version: self.version.clone(), vpcs }
    }

    pub(crate) async fn apply(&mut self, section: Section) -> Reply {
        match section {
            Section::Vpcs(vpcs) => Reply::Applied(self.apply_vpcs(vpcs).await),
            Section::Zones(zones) => Reply::Applied(self.apply_zones(zones)),
            Section::Relay(control_plane) => {
                self.control_plane.send_replace(control_plane);
                Reply::Applied(Vec::new())
            }
            Section::Plugged { name, desired } => self.apply_plugged(&name, desired).await,
        }
    }

    /// What the plugged section `name` sees, as it changes.
    pub(crate) fn observed(&self, name: &str) -> Option<watch::Receiver<Observed>> {
        self.plugged.iter().find(|section| section.name() == name)?.observed()
    }

    async fn apply_vpcs(&mut self, wanted: Vec<Vpc>) -> Vec<ItemError> {
        let ids: BTreeSet<&str> = wanted.iter().map(|vpc| vpc.id.as_str()).collect();
        let gone: Vec<String> = self.places.keys().filter(|id| !ids.contains(id.as_str())).cloned().collect();
        for id in gone {
            self.vpcs.remove(&id);
            self.places.remove(&id);
            info!(vpc = id, "VPC is let go of.");
        }
        let mut errors = Vec::new();
        for vpc in &wanted {
            if let Err(error) = self.apply_vpc(vpc).await {
                warn!(vpc = vpc.id, %error, "VPC is not as it was asked.");
                errors.push(ItemError::new(&vpc.id, &error));
            }
        }
        errors
    }

    async fn apply_vpc(&mut self, wanted: &Vpc) -> Result<(), network::Error> {
        if !self.places.contains_key(&wanted.id) {
            let place = Place::open(wanted, self.resolvers.clone()).await?;
            self.vpcs.insert(&wanted.id, place.sockets());
            self.places.insert(wanted.id.clone(), place);
            // Names that were told before the VPC was there were checked when they were told.
            let _ = self.name(&wanted.id);
        }
        let place = self.places.get_mut(&wanted.id).expect("it was there or has just been put there");
        place.settle(wanted, &self.control_plane).await
    }

    /// Where an owner's names are wrong, those it gave before stay, so that it stands in nobody else's way.
    fn apply_zones(&mut self, zones: Zones) -> Vec<ItemError> {
        let before = self.zones.remove(&zones.owner).unwrap_or_default();
        let mut concerned: BTreeSet<String> = before.keys().cloned().collect();
        let (mut now, mut errors) = (BTreeMap::new(), Vec::new());
        for (id, wanted) in zones.vpcs {
            let right = dns::Table::new(&wanted).map_err(|error| errors.push(ItemError::new(&id, &error))).is_ok();
            if let Some(names) = if right { Some(wanted) } else { before.get(&id).cloned() } {
                now.insert(id.clone(), names);
            }
            concerned.insert(id);
        }
        self.zones.insert(zones.owner, now);
        for id in concerned {
            if let Err(error) = self.name(&id) {
                errors.push(ItemError::new(id, &error));
            }
        }
        errors
    }

    /// Gives the VPC `id` the names of all owners.
    fn name(&self, id: &str) -> Result<(), dns::Error> {
        let zones = self.zones.values().filter_map(|vpcs| vpcs.get(id)).cloned();
        let zones = zones.fold(dns::Zones::default(), dns::Zones::with);
        match self.places.get(id) {
            Some(place) => place.name(&zones),
            None => dns::Table::new(&zones).map(|_| ()),
        }
    }

    async fn apply_plugged(&mut self, name: &str, desired: Value) -> Reply {
        match self.plugged.iter_mut().find(|section| section.name() == name) {
            Some(section) => Reply::Applied(section.apply(desired, &self.vpcs).await),
            None => Reply::Refused(format!("this edge has no section `{name}`")),
        }
    }
}
