//! The tables that fields are named by in HPACK (RFC 7541, 2.3).

use std::collections::VecDeque;

/// The static table (RFC 7541, appendix A): its first entry has the number 1.
#[rustfmt::skip]
pub(super) const STATIC: [(&str, &str); 61] = [
    (":authority", ""), (":method", "GET"), (":method", "POST"), (":path", "/"), (":path", "/index.html"),
    (":scheme", "http"), (":scheme", "https"), (":status", "200"), (":status", "204"), (":status", "206"),
    (":status", "304"), (":status", "400"), (":status", "404"), (":status", "500"), ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"), ("accept-language", ""), ("accept-ranges", ""), ("accept", ""),
    ("access-control-allow-origin", ""), ("age", ""), ("allow", ""), ("authorization", ""), ("cache-control", ""),
    ("content-disposition", ""), ("content-encoding", ""), ("content-language", ""), ("content-length", ""),
    ("content-location", ""), ("content-range", ""), ("content-type", ""), ("cookie", ""), ("date", ""), ("etag", ""),
    ("expect", ""), ("expires", ""), ("from", ""), ("host", ""), ("if-match", ""), ("if-modified-since", ""),
    ("if-none-match", ""), ("if-range", ""), ("if-unmodified-since", ""), ("last-modified", ""), ("link", ""),
    ("location", ""), ("max-forwards", ""), ("proxy-authenticate", ""), ("proxy-authorization", ""), ("range", ""),
    ("referer", ""), ("refresh", ""), ("retry-after", ""), ("server", ""), ("set-cookie", ""),
    ("strict-transport-security", ""), ("transfer-encoding", ""), ("user-agent", ""), ("vary", ""), ("via", ""),
    ("www-authenticate", ""),
];

/// The names of the static table that stand alone, by their lengths: where in [`BY_LENGTH`] those of a length begin.
const STARTS: [u8; LENGTH_MAX + 2] = by_length().0;
const BY_LENGTH: [u8; STATIC.len()] = by_length().1;
const LENGTH_MAX: usize = 27;

#[expect(clippy::cast_possible_truncation, reason = "61 entries")]
const fn by_length() -> ([u8; LENGTH_MAX + 2], [u8; STATIC.len()]) {
    let (mut starts, mut numbers, mut place, mut length) = ([0; LENGTH_MAX + 2], [0; STATIC.len()], 0, 0);
    while length <= LENGTH_MAX {
        starts[length] = place as u8;
        let mut at = 0;
        while at < STATIC.len() {
            if STATIC[at].0.len() == length && STATIC[at].0.as_bytes()[0] != b':' {
                numbers[place] = at as u8 + 1;
                place += 1;
            }
            at += 1;
        }
        length += 1;
    }
    starts[length] = place as u8;
    (starts, numbers)
}

/// The number of a field's name in the static table, if it is there. `name` is in lower case, and no pseudo field's.
pub(super) fn number(name: &[u8]) -> Option<u8> {
    if name.len() > LENGTH_MAX {
        return None;
    }
    let (start, end) = (usize::from(STARTS[name.len()]), usize::from(STARTS[name.len() + 1]));
    BY_LENGTH[start..end].iter().copied().find(|number| STATIC[usize::from(*number) - 1].0.as_bytes() == name)
}

/// What an entry costs besides its name and its value (RFC 7541, 4.1).
pub(super) const OVERHEAD: usize = 32;

/// The dynamic table, latest entry first. Names and values lie one behind the other in one place, from which the oldest
/// are taken away in one go now and then.
#[derive(Debug)]
pub(super) struct Table {
    bytes: Vec<u8>,
    entries: VecDeque<Entry>,
    /// Bytes that were ever taken away: where in all that came `bytes` begins.
    gone: usize,
    size: usize,
    size_max: usize,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    start: usize,
    name: usize,
    value: usize,
}

impl Entry {
    fn size(self) -> usize {
        self.name + self.value + OVERHEAD
    }
}

impl Table {
    pub(super) fn new(size_max: usize) -> Self {
        Self { bytes: Vec::new(), entries: VecDeque::new(), gone: 0, size: 0, size_max }
    }

    /// The entry of a number, in either table.
    pub(super) fn get(&self, number: usize) -> Option<(&[u8], &[u8])> {
        if let Some((name, value)) = STATIC.get(number.checked_sub(1)?) {
            return Some((name.as_bytes(), value.as_bytes()));
        }
        let entry = self.entries.get(number - STATIC.len() - 1)?;
        let start = entry.start - self.gone;
        self.bytes[start..start + entry.name + entry.value].split_at_checked(entry.name)
    }

    /// Has a field as the latest entry; the oldest that have no room beside it go.
    pub(super) fn insert(&mut self, name: &[u8], value: &[u8]) {
        let entry = Entry { start: self.gone + self.bytes.len(), name: name.len(), value: value.len() };
        self.shrink(self.size_max.saturating_sub(entry.size()));
        if entry.size() > self.size_max {
            return;
        }
        self.bytes.extend_from_slice(name);
        self.bytes.extend_from_slice(value);
        self.size += entry.size();
        self.entries.push_front(entry);
    }

    /// Takes at most so much from here on.
    pub(super) fn resize(&mut self, size_max: usize) {
        self.size_max = size_max;
        self.shrink(size_max);
    }

    fn shrink(&mut self, size: usize) {
        while self.size > size
            && let Some(entry) = self.entries.pop_back()
        {
            self.size -= entry.size();
        }
        let end = self.gone + self.bytes.len();
        let used = self.entries.back().map_or(end, |oldest| oldest.start) - self.gone;
        if used > self.bytes.len() / 2 {
            self.bytes.drain(..used);
            self.gone += used;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_by_their_lengths() {
        for (at, (name, _)) in STATIC.iter().enumerate().filter(|(_, (name, _))| !name.starts_with(':')) {
            assert_eq!(number(name.as_bytes()).map(usize::from), Some(at + 1), "{name}");
        }
        assert_eq!((number(b"x"), number(b"accepts"), number(&[b'a'; 40]), number(b"")), (None, None, None, None));
    }

    #[test]
    fn the_oldest_entries_go_when_there_is_no_room() {
        let mut table = Table::new(100);
        for (round, name) in ["aa", "bb", "cc", "dd"].iter().cycle().take(100).enumerate() {
            let value = format!("{round:02}");
            table.insert(name.as_bytes(), value.as_bytes());
            assert_eq!(table.get(62), Some((name.as_bytes(), value.as_bytes())));
            assert_eq!(table.get(63).is_some(), round > 0);
            assert_eq!((table.get(64), table.bytes.len() <= 16), (None, true));
        }
        table.insert(&[b'x'; 80], b"too large for it");
        assert_eq!((table.get(62), table.size), (None, 0));
        table.resize(0);
        table.insert(b"a", b"b");
        assert_eq!((table.get(62), table.get(0)), (None, None));
    }
}
