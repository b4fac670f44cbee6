//! Metadata columns whose names say that they tell who or which file a sample is.

use std::collections::HashSet;

use crate::contract::MetadataValue;
use crate::evaluate::SampleTable;

/// Parts of names that tell whatever the values are.
const ALWAYS: [&str; 27] = [
    "id",
    "ids",
    "uid",
    "uids",
    "uuid",
    "guid",
    "mrn",
    "ssn",
    "patient",
    "patientid",
    "subject",
    "subjectid",
    "person",
    "physician",
    "accession",
    "birth",
    "birthdate",
    "dob",
    "email",
    "phone",
    "address",
    "file",
    "filename",
    "filepath",
    "path",
    "uri",
    "url",
];

/// Parts of names that tell only where there are many different texts or whole numbers: `gt_name` may be a class.
const WHERE_DIVERSE: [&str; 5] = ["name", "study", "series", "key", "hash"];

/// So many samples for each value are enough for it to tell nothing.
const SAMPLES_A_VALUE: usize = 10;

/// Whether a column of this name tells whatever it holds.
pub(super) fn always(name: &str) -> bool {
    parts(name).iter().any(|part| ALWAYS.contains(&part.as_str()))
}

/// Whether a column of the table tells, by its name and by how many different texts and whole numbers it holds.
pub(super) fn tells(table: &SampleTable, column: usize) -> bool {
    let parts = parts(&table.metadata[column]);
    let among = |words: &[&str]| parts.iter().any(|part| words.contains(&part.as_str()));
    among(&ALWAYS) || among(&WHERE_DIVERSE) && diverse(table, column)
}

fn diverse(table: &SampleTable, column: usize) -> bool {
    let named = |value: &MetadataValue| match value {
        MetadataValue::Text(_) | MetadataValue::Int(_) => true,
        MetadataValue::Float(value) => value.fract() == 0.0,
        MetadataValue::Bool(_) | MetadataValue::Absent => false,
    };
    let values = || table.rows.iter().filter_map(|row| row.metadata.get(column)).filter(|value| named(value));
    let distinct = values().map(ToString::to_string).collect::<HashSet<_>>().len();
    distinct > table.classes.len() && SAMPLES_A_VALUE * distinct > values().count()
}

/// The words of a name in lower case: what stands between other characters than letters, and the words of that in camel case.
/// `StudyInstanceUID` gives `studyinstanceuid`, `study`, `instance`, `uid`.
fn parts(name: &str) -> Vec<String> {
    let mut parts = Vec::new();
    for part in name.split(|character: char| !character.is_alphabetic()).filter(|part| !part.is_empty()) {
        parts.push(part.to_lowercase());
        let letters: Vec<char> = part.chars().collect();
        let begins = |place: usize| {
            let after_capital = letters[place - 1].is_uppercase();
            letters[place].is_uppercase()
                && (!after_capital || letters.get(place + 1).is_some_and(|next| next.is_lowercase()))
        };
        let mut start = 0;
        for end in (1..letters.len()).filter(|&place| begins(place)).chain([letters.len()]) {
            parts.push(letters[start..end].iter().collect::<String>().to_lowercase());
            start = end;
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::DataState;
    use crate::evaluate::SampleRow;

    #[test]
    fn whole_words_tell_in_any_spelling() {
        for name in [
            "PatientID",
            "patientId",
            "patient_id",
            "patient-2",
            "StudyInstanceUID",
            "SOPInstanceUID",
            "AccessionNumber",
            "IDs",
            "birthDate",
            "FILE",
            "sourcePath",
            "subject1",
        ] {
            assert!(always(name), "{name}");
        }
        for name in [
            "image_mean",
            "width",
            "pathology",
            "idle",
            "profile",
            "pixels_count_3",
            "gt_name",
            "StudyDate",
            "Éclat",
            "",
        ] {
            assert!(!always(name), "{name}");
        }
    }

    #[test]
    fn names_and_series_tell_where_they_differ() {
        let mut table = SampleTable::new(["a", "b"]);
        table.metadata = ["gt_name", "SeriesNumber", "pixels", "series_mean", "name"].map(str::to_owned).into();
        for place in 0..40_i64 {
            let mut row = SampleRow::new(place, DataState::Test, vec![0.5, 0.5]);
            let name = format!("n{place}");
            let class = ["a", "b"][place as usize % 2];
            row.metadata =
                vec![class.into(), place.into(), place.into(), (place as f64 + 0.5).into(), name.as_str().into()];
            table.rows.push(row);
        }
        assert_eq!([0, 1, 2, 3, 4].map(|column| tells(&table, column)), [false, true, false, false, true]);
    }
}
