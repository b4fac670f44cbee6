//! What a binder is made of, as plain data and small traits, in Tensorleap's words.

mod state;
mod violation;

pub use state::DataState;
pub use violation::{Code, Violation};
