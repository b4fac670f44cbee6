//! The directory of a zip archive: where the entries that are stored without compression lie.

use std::ops::Range;

use super::fault::{Budget, Fault, Parsed, shown};

/// The directory's end record without its comment, and the longest comment.
const END: usize = 22;
const MAX_COMMENT: usize = u16::MAX as usize;
const END64: usize = 56;
const LOCATOR64: usize = 20;
const CENTRAL: usize = 46;
const LOCAL: usize = 30;

/// An archive's entries, sorted by name.
#[derive(Debug)]
pub(super) struct Archive<'a> {
    bytes: &'a [u8],
    entries: Vec<Entry<'a>>,
}

#[derive(Debug)]
struct Entry<'a> {
    name: &'a str,
    method: u16,
    flags: u16,
    packed: u64,
    size: u64,
    header: u64,
}

impl<'a> Archive<'a> {
    /// Reads the directory.
    pub(super) fn new(bytes: &'a [u8], budget: &mut Budget) -> Parsed<Self> {
        let directory = directory(bytes)?;
        let mut rest = bytes.get(directory).ok_or_else(|| damaged("a directory outside the file"))?;
        let mut entries = Vec::new();
        while !rest.is_empty() {
            budget.spend_item::<Entry>()?;
            let (entry, length) = Entry::parse(rest)?;
            entries.push(entry);
            rest = &rest[length..];
        }
        entries.sort_unstable_by_key(|entry| entry.name);
        if let Some(pair) = entries.windows(2).find(|pair| pair[0].name == pair[1].name) {
            return Err(damaged(format!("two entries {}", shown(pair[0].name))));
        }
        let archive = Self { bytes, entries };
        archive.check_apart(budget)?;
        Ok(archive)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &'a str> {
        self.entries.iter().map(|entry| entry.name)
    }

    /// Where the bytes of the entry `name` lie. `None` if there is none.
    pub(super) fn range(&self, name: &str) -> Option<Parsed<Range<usize>>> {
        let found = self.entries.binary_search_by_key(&name, |entry| entry.name).ok()?;
        Some(self.entries[found].range(self.bytes))
    }

    /// Entries that share bytes would make an archive unfold to many times its size.
    fn check_apart(&self, budget: &mut Budget) -> Parsed<()> {
        let mut ends = Vec::new();
        for entry in &self.entries {
            budget.spend_item::<(u64, u64)>()?;
            ends.push((entry.header, entry.header.saturating_add(entry.packed).saturating_add(LOCAL as u64)));
        }
        ends.sort_unstable();
        match ends.windows(2).any(|pair| pair[0].1 > pair[1].0) {
            true => Err(damaged("entries that overlap")),
            false => Ok(()),
        }
    }
}

impl<'a> Entry<'a> {
    /// The entry at the start of `bytes`, a part of the directory, and how long its record is.
    fn parse(bytes: &'a [u8]) -> Parsed<(Self, usize)> {
        let short = || damaged("a directory that ends early");
        if bytes.get(..4) != Some(b"PK\x01\x02") || bytes.len() < CENTRAL {
            return Err(short());
        }
        let lengths = [28, 30, 32].map(|at| usize::from(u16_at(bytes, at)));
        let extra = CENTRAL + lengths[0]..CENTRAL + lengths[0] + lengths[1];
        let length = extra.end + lengths[2];
        let name = bytes.get(CENTRAL..extra.start).ok_or_else(short)?;
        let name = std::str::from_utf8(name).map_err(|_| damaged("an entry whose name is not UTF-8"))?;
        let mut entry = Self {
            name,
            flags: u16_at(bytes, 8),
            method: u16_at(bytes, 10),
            packed: u32_at(bytes, 20).into(),
            size: u32_at(bytes, 24).into(),
            header: u32_at(bytes, 42).into(),
        };
        entry.widen(bytes.get(extra).ok_or_else(short)?)?;
        if bytes.len() < length {
            return Err(short());
        }
        Ok((entry, length))
    }

    /// Takes the 64-bit values from the extra fields where the 32-bit ones do not suffice.
    fn widen(&mut self, mut extra: &[u8]) -> Parsed<()> {
        let narrow = u64::from(u32::MAX);
        while extra.len() >= 4 {
            let (id, length) = (u16_at(extra, 0), usize::from(u16_at(extra, 2)));
            let field = extra.get(4..4 + length).ok_or_else(|| damaged("an extra field that ends early"))?;
            if id == 1 {
                let mut wide = field.as_chunks::<8>().0.iter().map(|value| u64::from_le_bytes(*value));
                for value in [&mut self.size, &mut self.packed, &mut self.header] {
                    if *value == narrow {
                        *value = wide.next().ok_or_else(|| damaged("an entry without its 64-bit size"))?;
                    }
                }
            }
            extra = &extra[4 + length..];
        }
        Ok(())
    }

    fn range(&self, bytes: &[u8]) -> Parsed<Range<usize>> {
        let name = shown(self.name);
        if self.flags & 1 != 0 {
            return Err(Fault::new("an archive as torch.save writes it", format!("the encrypted entry {name}")));
        }
        if self.method != 0 {
            let found = format!("the compressed entry {name} (unpack the archive and pack it without compression)");
            return Err(Fault::new("entries stored without compression, as torch.save writes them", found));
        }
        let lies = || damaged(format!("an entry {name} that does not lie where the directory says"));
        let start = usize::try_from(self.header).map_err(|_| lies())?;
        let header = start.checked_add(LOCAL).and_then(|end| bytes.get(start..end)).ok_or_else(lies)?;
        if !header.starts_with(b"PK\x03\x04") || u16_at(header, 8) != 0 || self.size != self.packed {
            return Err(lies());
        }
        let start = start + LOCAL + usize::from(u16_at(header, 26)) + usize::from(u16_at(header, 28));
        let size = usize::try_from(self.size).map_err(|_| lies())?;
        let end = start.checked_add(size).filter(|&end| end <= bytes.len()).ok_or_else(lies)?;
        Ok(start..end)
    }
}

/// Where the directory lies, as the end record or its 64-bit form says.
fn directory(bytes: &[u8]) -> Parsed<Range<usize>> {
    let lowest = bytes.len().saturating_sub(END + MAX_COMMENT);
    let is_end = |&at: &usize| {
        bytes[at..].starts_with(b"PK\x05\x06") && at + END + usize::from(u16_at(&bytes[at..], 20)) == bytes.len()
    };
    let last = bytes.len().checked_sub(END).ok_or_else(truncated)?;
    let end = (lowest..=last).rev().find(is_end).ok_or_else(truncated)?;
    let (mut size, mut start) = (u64::from(u32_at(&bytes[end..], 12)), u64::from(u32_at(&bytes[end..], 16)));
    let narrow = u64::from(u32::MAX);
    if (size == narrow || start == narrow)
        && let Some(record) = end64(bytes, end)
    {
        (size, start) = (u64_at(record, 40), u64_at(record, 48));
    }
    let range = usize::try_from(start).ok().zip(start.checked_add(size).and_then(|end| usize::try_from(end).ok()));
    let (start, stop) = range.ok_or_else(|| damaged("a directory outside the file"))?;
    if stop > end {
        return Err(damaged("a directory outside the file"));
    }
    Ok(start..stop)
}

/// The 64-bit end record that the locator before the end record points to.
fn end64(bytes: &[u8], end: usize) -> Option<&[u8]> {
    let locator = bytes.get(end.checked_sub(LOCATOR64)?..end)?;
    if !locator.starts_with(b"PK\x06\x07") {
        return None;
    }
    let at = usize::try_from(u64_at(locator, 8)).ok()?;
    let record = bytes.get(at..at.checked_add(END64)?)?;
    record.starts_with(b"PK\x06\x06").then_some(record)
}

fn truncated() -> Fault {
    damaged("no directory at its end: the file is truncated")
}

fn damaged(found: impl Into<String>) -> Fault {
    Fault::new("a complete zip archive of torch.save", found)
}

/// Little-endian numbers; 0 where the bytes end, which the callers have ruled out.
fn u16_at(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |number| u16::from_le_bytes(*number))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |number| u32::from_le_bytes(*number))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |number| u64::from_le_bytes(*number))
}
