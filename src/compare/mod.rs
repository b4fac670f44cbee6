//! Several models on the same samples: which is better, and whether the difference is more than chance.
