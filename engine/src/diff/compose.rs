//! The pairs of a chain of plans.

use std::collections::HashMap;

/// Pairs of step ids from version A to version C, from those of A to B and of B to C. A step that B or C lacks has no
/// pair.
pub fn compose_pairs(first: &[(String, String)], second: &[(String, String)]) -> Vec<(String, String)> {
    let onward: HashMap<&str, &str> = second.iter().map(|(b, c)| (b.as_str(), c.as_str())).collect();
    first.iter().filter_map(|(a, b)| onward.get(b.as_str()).map(|c| (a.clone(), (*c).to_owned()))).collect()
}
