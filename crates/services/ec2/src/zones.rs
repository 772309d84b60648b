//! The three zones of every region.

use names::Region;

/// The letters of the zones.
const LETTERS: [char; 3] = ['a', 'b', 'c'];

/// The zones of `region` as name and id: `ap-southeast-2a`, `apse2-az1`.
pub(crate) fn zones(region: &Region) -> Vec<(String, String)> {
    let short = short(region.as_str());
    let zone = |(letter, number)| (format!("{region}{letter}"), format!("{short}-az{number}"));
    LETTERS.into_iter().zip(1..).map(zone).collect()
}

/// The id of the zone called `name`; the name itself for one that is not there.
pub(crate) fn id_of(region: &Region, name: &str) -> String {
    zones(region).into_iter().find(|zone| zone.0 == name).map_or_else(|| name.to_owned(), |zone| zone.1)
}

/// `ap-southeast-2` to `apse2`, as zone ids have it.
fn short(region: &str) -> String {
    let letter = |part: &str| match part {
        "northeast" => "ne".to_owned(),
        "northwest" => "nw".to_owned(),
        "southeast" => "se".to_owned(),
        "southwest" => "sw".to_owned(),
        "north" | "south" | "east" | "west" | "central" => part[..1].to_owned(),
        other => other.to_owned(),
    };
    region.split('-').map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zone_ids_are_those_of_aws() {
        for (region, id) in [("ap-southeast-2", "apse2-az1"), ("us-east-1", "use1-az1"), ("eu-central-1", "euc1-az1")] {
            assert_eq!(zones(&Region::new(region))[0], (format!("{region}a"), id.to_owned()));
        }
        assert_eq!(id_of(&Region::new("us-west-2"), "us-west-2c"), "usw2-az3");
    }
}
