//! Reads a tar archive member by member.
//!
//! The `tar` crate knows the header formats, and its `Header` is used here. Its own reader is not: it takes a member
//! that describes another (long names, PAX records) into memory whatever its size, so a small layer could ask for all
//! of it, and it parts PAX records at line ends, so a capability that happens to hold the byte 0x0a is lost.

use std::io::{self, Read};

use tar::{EntryType, Header};

use super::LayerError;

const BLOCK: u64 = 512;
/// The most bytes of names and attributes that may describe one member.
const DESCRIPTION_MAX: u64 = 1024 * 1024;
/// PAX spells extended attributes under this prefix.
const XATTR: &[u8] = b"SCHILY.xattr.";

/// One member of an archive, without its content.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) path: Vec<u8>,
    pub(super) link: Vec<u8>,
    pub(super) kind: EntryType,
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// Seconds and nanoseconds since 1970.
    pub(super) modified: (i64, i64),
    pub(super) size: u64,
    pub(super) xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

/// The members of an archive in their order.
pub(super) struct Members<R> {
    source: R,
    /// Bytes of the last member's content that nobody has read.
    content: u64,
    /// What fills the last block of it.
    padding: u64,
}

/// What the members before a member say of it.
#[derive(Default)]
struct Description {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    records: Vec<(Vec<u8>, Vec<u8>)>,
}

impl<R: Read> Members<R> {
    pub(super) fn new(source: R) -> Self {
        Self { source, content: 0, padding: 0 }
    }

    /// The next member; none at the end.
    pub(super) fn next(&mut self) -> Result<Option<Member>, LayerError> {
        let mut description = Description::default();
        while let Some(header) = self.header()? {
            let size = header.entry_size().map_err(malformed)?;
            match header.entry_type() {
                EntryType::GNULongName => description.path = Some(self.long_name(size)?),
                EntryType::GNULongLink => description.link = Some(self.long_name(size)?),
                EntryType::XHeader => description.records = records(&self.describing(size)?)?,
                // It describes the whole archive: comments, as `git archive` writes them.
                EntryType::XGlobalHeader => drop(self.describing(size)?),
                _ => return self.member(&header, size, description).map(Some),
            }
        }
        Ok(None)
    }

    /// The content of the member that [`Self::next`] gave last.
    pub(super) fn content(&mut self) -> Content<'_, R> {
        Content(self)
    }

    /// Reads what follows the last member, so that whoever hashes the source has seen all of it.
    pub(super) fn drain(mut self) -> io::Result<()> {
        io::copy(&mut self.source, &mut io::sink()).map(|_| ())
    }

    fn header(&mut self) -> Result<Option<Header>, LayerError> {
        let rest = self.content + self.padding;
        if io::copy(&mut self.source.by_ref().take(rest), &mut io::sink())? < rest {
            return Err(LayerError::Malformed("it ends in the middle of a file".to_owned()));
        }
        (self.content, self.padding) = (0, 0);
        let mut header = Header::new_old();
        let count = read_full(&mut self.source, header.as_mut_bytes())?;
        if count == 0 || header.as_bytes().iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let sum: u32 = header.as_bytes().iter().enumerate().map(|(at, byte)| checked(at, *byte)).sum();
        if count < header.as_bytes().len() || header.cksum().ok() != Some(sum) {
            return Err(LayerError::Malformed("a header is damaged, or it is no tar archive".to_owned()));
        }
        Ok(Some(header))
    }

    fn begin(&mut self, size: u64) -> Result<(), LayerError> {
        let whole = size.checked_next_multiple_of(BLOCK);
        let whole = whole.ok_or_else(|| LayerError::Malformed("a size is out of all reason".to_owned()))?;
        (self.content, self.padding) = (size, whole - size);
        Ok(())
    }

    fn describing(&mut self, size: u64) -> Result<Vec<u8>, LayerError> {
        if size > DESCRIPTION_MAX {
            return Err(LayerError::Malformed(format!("{size} bytes describe one file, {DESCRIPTION_MAX} may")));
        }
        self.begin(size)?;
        let mut bytes = Vec::new();
        self.content().read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn long_name(&mut self, size: u64) -> Result<Vec<u8>, LayerError> {
        let mut name = self.describing(size)?;
        name.truncate(name.iter().position(|byte| *byte == 0).unwrap_or(name.len()));
        Ok(name)
    }

    fn member(&mut self, header: &Header, size: u64, described: Description) -> Result<Member, LayerError> {
        let raw = header.as_old();
        let mut member = Member {
            path: described.path.unwrap_or_else(|| header.path_bytes().into_owned()),
            link: described
                .link
                .or_else(|| header.link_name_bytes().map(std::borrow::Cow::into_owned))
                .unwrap_or_default(),
            kind: header.entry_type(),
            mode: if blank(&raw.mode) { 0o644 } else { header.mode().map_err(malformed)? },
            uid: if blank(&raw.uid) { 0 } else { id(header.uid())? },
            gid: if blank(&raw.gid) { 0 } else { id(header.gid())? },
            modified: (if blank(&raw.mtime) { 0 } else { seconds(header.mtime())? }, 0),
            size,
            xattrs: Vec::new(),
        };
        for (key, value) in described.records {
            member.override_by(&key, value)?;
        }
        // Only these have content; a size on a link or a directory is noise that some programs write.
        let has_content = matches!(member.kind, EntryType::Regular | EntryType::Continuous) || is_unknown(member.kind);
        member.size = if has_content { member.size } else { 0 };
        self.begin(member.size)?;
        Ok(member)
    }
}

impl Member {
    fn override_by(&mut self, key: &[u8], value: Vec<u8>) -> Result<(), LayerError> {
        match key {
            b"path" => self.path = value,
            b"linkpath" => self.link = value,
            b"size" => self.size = number(&value)?,
            b"uid" => self.uid = number(&value)?,
            b"gid" => self.gid = number(&value)?,
            b"mtime" => self.modified = moment(&value)?,
            _ if key.starts_with(b"GNU.sparse.") => {
                return Err(LayerError::Malformed("sparse files are not supported: pack it without them".to_owned()));
            }
            _ => {
                if let Some(name) = key.strip_prefix(XATTR) {
                    self.xattrs.push((name.to_owned(), value));
                }
            }
        }
        Ok(())
    }
}

/// Reads a member's content and keeps count.
pub(super) struct Content<'a, R>(&'a mut Members<R>);

impl<R: Read> Read for Content<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.0.content).unwrap_or(usize::MAX).min(buffer.len());
        let count = self.0.source.read(&mut buffer[..most])?;
        if count == 0 && most > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.0.content -= count as u64;
        Ok(count)
    }
}

/// A key and a value.
type Record = (Vec<u8>, Vec<u8>);

/// PAX records: `<length> <key>=<value>\n`, the length counting all of it.
fn records(mut bytes: &[u8]) -> Result<Vec<Record>, LayerError> {
    let wrong = || LayerError::Malformed("a PAX record is damaged".to_owned());
    let mut records = Vec::new();
    while !bytes.is_empty() {
        let space = bytes.iter().position(|byte| *byte == b' ').ok_or_else(wrong)?;
        let length: usize = number(&bytes[..space])?;
        let record = bytes.get(space + 1..length).and_then(|r| r.strip_suffix(b"\n")).ok_or_else(wrong)?;
        let equals = record.iter().position(|byte| *byte == b'=').ok_or_else(wrong)?;
        records.push((record[..equals].to_owned(), record[equals + 1..].to_owned()));
        bytes = &bytes[length..];
    }
    Ok(records)
}

fn number<T: std::str::FromStr>(text: &[u8]) -> Result<T, LayerError> {
    let parsed = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
    parsed.ok_or_else(|| LayerError::Malformed(format!("`{}` is no number that fits", text.escape_ascii())))
}

/// `1350244992.023960108` as seconds and nanoseconds.
fn moment(text: &[u8]) -> Result<(i64, i64), LayerError> {
    let point = text.iter().position(|byte| *byte == b'.');
    let (seconds, fraction) = text.split_at(point.unwrap_or(text.len()));
    let digits = fraction.iter().skip(1).copied().chain(std::iter::repeat(b'0')).take(9).collect::<Vec<_>>();
    // Nanoseconds count upward, so the part of a second before 1970 is dropped and not turned around.
    Ok((number(seconds)?, if text.starts_with(b"-") { 0 } else { number(&digits)? }))
}

fn id(value: io::Result<u64>) -> Result<u32, LayerError> {
    let value = value.map_err(malformed)?;
    u32::try_from(value).map_err(|_| LayerError::Malformed(format!("the owner {value} is out of range")))
}

fn seconds(value: io::Result<u64>) -> Result<i64, LayerError> {
    let value = value.map_err(malformed)?;
    i64::try_from(value).map_err(|_| LayerError::Malformed(format!("the time {value} is out of range")))
}

/// Some programs leave a field empty that they have nothing to say in.
fn blank(field: &[u8]) -> bool {
    field.iter().all(|byte| matches!(byte, 0 | b' '))
}

fn is_unknown(kind: EntryType) -> bool {
    !(kind.is_dir()
        || kind.is_hard_link()
        || kind.is_symlink()
        || kind.is_fifo()
        || kind.is_block_special()
        || kind.is_character_special())
}

/// The checksum counts its own field as spaces.
fn checked(at: usize, byte: u8) -> u32 {
    if (148..156).contains(&at) { u32::from(b' ') } else { u32::from(byte) }
}

fn malformed(error: impl std::fmt::Display) -> LayerError {
    LayerError::Malformed(error.to_string())
}

fn read_full(source: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match source.read(&mut buffer[filled..])? {
            0 => break,
            count => filled += count,
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pax(records: &[(&str, &[u8])]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        builder.append_pax_extensions(records.iter().copied()).unwrap();
        let mut header = Header::new_ustar();
        header.set_path("short").unwrap();
        header.set_size(2);
        header.set_mode(0o4755);
        header.set_cksum();
        builder.append(&header, &b"hi"[..]).unwrap();
        builder.into_inner().unwrap()
    }

    #[test]
    fn records_override_the_header_even_with_line_ends_in_them() {
        let capability = b"\x01\x00\x00\x02\x0a=\x0a";
        let bytes = pax(&[
            ("path", b"a/long/name"),
            ("uid", b"70000"),
            ("mtime", b"1350244992.5"),
            ("SCHILY.xattr.security.capability", capability),
        ]);
        let mut members = Members::new(&bytes[..]);
        let member = members.next().unwrap().unwrap();
        assert_eq!((member.path.as_slice(), member.uid, member.mode), (&b"a/long/name"[..], 70_000, 0o4755));
        assert_eq!(member.modified, (1_350_244_992, 500_000_000));
        assert_eq!(member.xattrs, [(b"security.capability".to_vec(), capability.to_vec())]);
        let mut content = String::new();
        members.content().read_to_string(&mut content).unwrap();
        assert_eq!(content, "hi");
        assert!(members.next().unwrap().is_none());
    }

    #[test]
    fn long_names_and_unread_content_are_no_trouble() {
        let mut builder = tar::Builder::new(Vec::new());
        let long = "d/".repeat(100) + "file";
        for path in [long.as_str(), "second"] {
            let mut header = Header::new_gnu();
            header.set_size(700);
            header.set_mode(0o644);
            builder.append_data(&mut header, path, &[7; 700][..]).unwrap();
        }
        let bytes = builder.into_inner().unwrap();
        let mut members = Members::new(&bytes[..]);
        assert_eq!(members.next().unwrap().unwrap().path, long.as_bytes());
        assert_eq!(members.next().unwrap().unwrap().path, b"second");
        assert!(members.next().unwrap().is_none());
        let mut cut = Members::new(&bytes[..bytes.len() - 2000]);
        assert!((0..3).map(|_| cut.next()).any(|next| next.is_err()));
    }

    #[test]
    fn a_description_without_end_is_refused() {
        let mut header = Header::new_ustar();
        header.set_entry_type(EntryType::XHeader);
        header.set_size(1 << 40);
        header.set_cksum();
        let mut members = Members::new(&header.as_bytes()[..]);
        assert!(matches!(members.next(), Err(LayerError::Malformed(_))));
    }

    #[test]
    fn what_is_no_archive_is_refused() {
        let mut members = Members::new(&[b'x'; 1024][..]);
        assert!(matches!(members.next(), Err(LayerError::Malformed(_))));
        assert!(Members::new(&b""[..]).next().unwrap().is_none());
    }
}
