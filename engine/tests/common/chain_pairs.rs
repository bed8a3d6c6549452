//! The pairs of a chain of plans, told by following each step from link to link.

/// Pairs of step ids from the first version of a chain to its last one, from those of its links; `None` without a link.
pub fn chain_pairs(links: impl IntoIterator<Item = Vec<(String, String)>>) -> Option<Vec<(String, String)>> {
    links.into_iter().reduce(|so_far, link| {
        let onward = |id: &str| link.iter().find(|(old, _)| old == id).map(|(_, new)| new.clone());
        so_far.into_iter().filter_map(|(old, between)| Some((old, onward(&between)?))).collect()
    })
}
