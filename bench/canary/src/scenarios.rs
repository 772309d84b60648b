//! The table of scenarios: what happens to a service, and to whom it is shown.

use crate::{
    detector::{Argo, Detector, Flagger, Held, Kayenta, Ours, Peeking, PipeCd},
    random::Random,
    run::{self, Runs},
    summary::Summary,
    traffic::{Common, DEVIATION, Fault, LOG_MEDIAN, Service},
};

/// Of an hour.
pub(crate) const HOUR: u64 = 3600;
/// Requests each second.
pub(crate) const RATES: [f64; 2] = [50.0, 500.0];
/// The old version's error rate where nothing else is said.
pub(crate) const USUAL_ERRORS: f64 = 0.001;
/// Error rates of a faulty version.
pub(crate) const FAULTS: [f64; 6] = [0.002, 0.005, 0.01, 0.02, 0.05, 0.5];

/// ln of 800 microseconds.
const LOG_800_MICROS: f64 = 6.684_611_728;

/// How one makes a detector for a run.
pub(crate) type Maker = fn(Random) -> Box<dyn Detector>;

/// A detector by name.
#[derive(Clone, Copy)]
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    pub(crate) make: Maker,
    /// Its runs are that many times fewer than ours: loops of peers need no exact figures.
    pub(crate) fewer: u64,
}

/// Serin.
pub(crate) const OURS: Contender = Contender { name: "Serin", make: |_| Box::new(Ours::new()), fewer: 1 };
/// Serin's judge at a weight of a tenth.
pub(crate) const HELD: Contender = Contender { name: "Serin's judge", make: |_| Box::new(Held::at(0.1)), fewer: 1 };
/// Serin's judge at changing weights.
pub(crate) const CHANGING: Contender =
    Contender { name: "Serin's judge", make: |random| Box::new(Held::changing(random)), fewer: 1 };
/// All others, where it is about errors.
pub(crate) const PEERS: [Contender; 5] = [
    Contender { name: "Flagger", make: |_| Box::new(Flagger::ramp(0.1, 5)), fewer: 10 },
    Contender { name: "Argo's example", make: |_| Box::new(Argo::default()), fewer: 20 },
    Contender { name: "Kayenta", make: |_| Box::new(Kayenta::default()), fewer: 20 },
    Contender { name: "PipeCD", make: |_| Box::new(PipeCd::default()), fewer: 20 },
    Contender { name: "peeking z-test", make: |_| Box::new(Peeking::new()), fewer: 10 },
];
/// Flagger with its example's limit of half a second, at a weight of a tenth.
pub(crate) const FLAGGER_HELD: Contender =
    Contender { name: "Flagger, p99 ≤ 500 ms", make: |_| Box::new(Flagger::held(0.1, 5)), fewer: 4 };

/// Something that happens to a service without a fault of the new version, or with one that is to be borne.
pub(crate) struct Healthy {
    pub(crate) name: String,
    pub(crate) service: Service,
    pub(crate) contender: Contender,
    pub(crate) seconds: u64,
    /// Whether peers are shown it.
    pub(crate) peers: bool,
}

/// All in which a taking back is false.
pub(crate) fn healthy() -> Vec<Healthy> {
    let mut all = Vec::new();
    let mut add = |name: String, service: Service, contender: Contender, seconds: u64, peers: bool| {
        all.push(Healthy { name, service, contender, seconds, peers });
    };
    for rate in RATES {
        for errors in [0.001, 0.002, 0.005, 0.01, 0.02, 0.05] {
            let peers = rate < 100.0 || errors <= 0.01;
            add(format!("{} % errors, {rate} rps", errors * 100.0), Service::steady(rate, errors), OURS, HOUR, peers);
        }
    }
    for (name, rate, errors, common) in [
        ("errors and latency of both swing", 50.0, 0.01, Common::Swinging),
        ("errors and latency of both swing", 500.0, 0.01, Common::Swinging),
        ("a dependency of both fails", 50.0, USUAL_ERRORS, Common::Incident),
        ("a dependency of both fails", 500.0, USUAL_ERRORS, Common::Incident),
    ] {
        let service = Service { common, ..Service::steady(rate, errors) };
        add(format!("{name}, {rate} rps"), service, OURS, HOUR, rate < 100.0);
    }
    for cluster in [2.0, 3.0, 10.0] {
        let service = Service { cluster, ..Service::steady(50.0, 0.01) };
        add(format!("errors in clusters of {cluster}, 50 rps"), service, OURS, HOUR, false);
    }
    let service = Service::steady(50.0, 0.01);
    add("weights change each 150 s, 50 rps".to_owned(), service, CHANGING, 1800, false);
    for rate in RATES {
        let colder = Fault { added: 300.0, ..Fault::NONE };
        let service = Service { log_median: LOG_800_MICROS, fault: colder, ..Service::steady(rate, USUAL_ERRORS) };
        add(format!("0.3 ms slower, of 0.8 ms, {rate} rps"), service, OURS, HOUR, false);
        let longer = Fault { scale: 1.03, ..Fault::NONE };
        let service = Service { deviation: 0.005, fault: longer, ..Service::steady(rate, USUAL_ERRORS) };
        add(format!("3 % slower, always 60 ms, {rate} rps"), service, OURS, HOUR, false);
    }
    add("3 % slower, 500 rps".to_owned(), slower(500.0, 1.03, 1.0), OURS, HOUR, false);
    for rate in [0.2, 1.0, 5.0] {
        add(format!("hardly any traffic, {rate} rps"), Service::steady(rate, USUAL_ERRORS), OURS, HOUR, true);
    }
    all
}

/// A version that fails this often from the first request on.
pub(crate) fn failing(rate: f64, errors: f64) -> Service {
    Service { fault: Fault { errors, ..Fault::NONE }, ..Service::steady(rate, USUAL_ERRORS) }
}

/// A version whose requests take longer.
pub(crate) fn slower(rate: f64, scale: f64, tail: f64) -> Service {
    Service { fault: Fault { scale, tail, ..Fault::NONE }, ..Service::steady(rate, USUAL_ERRORS) }
}

/// Runs `contender` on `service`, a part of `count` times.
pub(crate) fn run(contender: Contender, service: &Service, count: u64, seconds: u64, threads: usize) -> Summary {
    // The seed is the scenario's own, so that it does not matter which others are run.
    let fault = service.fault;
    let numbers = [service.rate, service.errors, service.cluster, fault.errors, fault.scale, fault.tail];
    let times = [(fault.added, 0.0), (service.log_median, LOG_MEDIAN), (service.deviation, DEVIATION)];
    let unusual = times.iter().filter(|(number, usual)| number.to_bits() != usual.to_bits()).map(|(number, _)| number);
    let seed = numbers
        .iter()
        .chain(unusual)
        .fold(1_u64, |seed, number| seed.rotate_left(9) ^ number.to_bits().wrapping_mul(0x9e37_79b9));
    let count = (count / contender.fewer).max(10);
    Summary::of(&run::many(service, &contender.make, Runs { seed, count, seconds, threads }))
}
