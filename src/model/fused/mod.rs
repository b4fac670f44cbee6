//! Engines for inference that are compiled from the plain networks.

#[cfg(any(test, feature = "cudnn"))]
pub(super) mod cuda;
