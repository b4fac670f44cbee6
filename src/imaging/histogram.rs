//! How often each of 256 values occurs.

/// Tables that are filled side by side.
const TABLES: usize = 4;
/// The most values that one table is certain to count without overflow.
const BLOCK: usize = 1 << 30;

/// Counts the values of all `rows`.
///
/// Neighbouring pixels are often equal, and adding to a number that has just been stored waits for the store. So neighbours
/// count into different tables, which are added up at the end.
pub(super) fn histogram<'a>(rows: impl IntoIterator<Item = &'a [u8]>) -> [u64; 256] {
    let mut counts = [0; 256];
    let mut tables = [[0u32; 256]; TABLES];
    let mut held = 0;
    for block in rows.into_iter().flat_map(|row| row.chunks(BLOCK)) {
        if held + block.len() > BLOCK {
            empty(&mut tables, &mut counts);
            held = 0;
        }
        held += block.len();
        let (eights, rest) = block.as_chunks::<8>();
        for eight in eights {
            let eight = u64::from_le_bytes(*eight);
            for place in 0..8 {
                tables[place % TABLES][(eight >> (8 * place)) as usize & 0xff] += 1;
            }
        }
        rest.iter().for_each(|&value| tables[0][usize::from(value)] += 1);
    }
    empty(&mut tables, &mut counts);
    counts
}

/// Moves what the tables hold to `counts`.
fn empty(tables: &mut [[u32; 256]; TABLES], counts: &mut [u64; 256]) {
    for table in tables {
        for (count, held) in counts.iter_mut().zip(table) {
            *count += u64::from(std::mem::take(held));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_of_every_row_is_counted() {
        let values: Vec<u8> = (0..4099u32).map(|place| ((place * place) >> 3) as u8).collect();
        for length in [0, 1, 7, 8, 9, 255, 4099] {
            let found = histogram(values[..length].chunks(100));
            for (value, count) in (0..=255).zip(found) {
                assert_eq!(count, values[..length].iter().filter(|&&found| found == value).count() as u64);
            }
        }
    }
}
