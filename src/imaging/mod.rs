//! stub
/// stub
#[derive(Debug)]
pub struct ImageSpec {
    /// h
    pub height: usize,
    /// w
    pub width: usize,
    /// c
    pub channels: usize,
}
