//! What the file names of the Kermany set say.

/// What a file name says of the cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Finding {
    Normal,
    Bacteria,
    Virus,
    /// Pneumonia whose cause the name does not tell.
    Pneumonia,
}

impl Finding {
    /// The cause of a pneumonia by its file's name: `person1_bacteria_2.jpeg`, `person1_virus_6.jpeg`.
    pub(super) fn of_pneumonia(file_name: &str) -> Self {
        let name = file_name.to_ascii_lowercase();
        match (name.contains("bacteria"), name.contains("virus")) {
            (true, false) => Self::Bacteria,
            (false, true) => Self::Virus,
            _ => Self::Pneumonia,
        }
    }
}

/// The patient by the file's name: `person123_virus_4.jpeg` is of `person123`, `IM-0115-0001.jpeg` of `IM-0115`,
/// `NORMAL2-IM-1427-0001.jpeg` of `NORMAL2-IM-1427`; any other name is a patient of its own.
///
/// The set numbers `person` in two sequences, one for each cause: of its 5,856 images 170 numbers stand in both training and
/// test, all with one cause here and the other there, and half of training's numbers have both. So one number with two causes
/// is most likely two people. Taking them for one keeps splits safe, and makes audits report more than there is.
pub(super) fn patient(file_name: &str) -> String {
    let stem = file_name.rsplit_once('.').map_or(file_name, |(stem, _)| stem);
    let numbered = |prefix: &str, rest: &str| {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        (digits > 0).then(|| format!("{prefix}{}", &rest[..digits]))
    };
    ["person", "NORMAL2-IM-", "IM-"]
        .into_iter()
        .find_map(|prefix| numbered(prefix, stem.strip_prefix(prefix)?))
        .unwrap_or_else(|| stem.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patients_by_name() {
        for (name, expected) in [
            ("person123_virus_4.jpeg", "person123"),
            ("person1950_bacteria_4881.jpeg", "person1950"),
            ("IM-0115-0001.jpeg", "IM-0115"),
            ("IM-0011-0001-0002.jpeg", "IM-0011"),
            ("NORMAL2-IM-1427-0001.jpeg", "NORMAL2-IM-1427"),
            ("scan.v2.png", "scan.v2"),
            ("person_x.png", "person_x"),
            ("IM-", "IM-"),
        ] {
            assert_eq!(patient(name), expected, "{name}");
        }
    }

    #[test]
    fn cause_by_name() {
        assert_eq!(Finding::of_pneumonia("person1_virus_6.jpeg"), Finding::Virus);
        assert_eq!(Finding::of_pneumonia("person78_BACTERIA_378.jpeg"), Finding::Bacteria);
        assert_eq!(Finding::of_pneumonia("person78.jpeg"), Finding::Pneumonia);
    }
}
