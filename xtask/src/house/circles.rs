//! Cycles in a graph: its strongly connected components of more than one node (Tarjan, 1972).

use std::collections::{BTreeMap, BTreeSet};

/// A directed graph: for each node, the nodes that it names.
pub(super) type Graph<N> = BTreeMap<N, BTreeSet<N>>;

/// All cycles of a graph, each with its nodes in order.
pub(super) fn circles<N: Ord + Copy>(graph: &Graph<N>) -> Vec<Vec<N>> {
    let mut search = Search { graph, seen: BTreeMap::new(), stack: Vec::new(), found: Vec::new() };
    for node in graph.keys() {
        if !search.seen.contains_key(node) {
            search.visit(*node);
        }
    }
    search.found
}

struct Search<'a, N> {
    graph: &'a Graph<N>,
    /// For each node its number in the order of the search, and whether it is on the stack.
    seen: BTreeMap<N, (usize, bool)>,
    stack: Vec<N>,
    found: Vec<Vec<N>>,
}

impl<N: Ord + Copy> Search<'_, N> {
    /// Visits a node, and returns the lowest number of a node on the stack that it reaches.
    fn visit(&mut self, node: N) -> usize {
        let reached = self.seen.len();
        self.seen.insert(node, (reached, true));
        self.stack.push(node);
        let mut lowest = reached;
        for next in self.graph.get(&node).into_iter().flatten() {
            match self.seen.get(next) {
                None => lowest = lowest.min(self.visit(*next)),
                Some((earlier, true)) => lowest = lowest.min(*earlier),
                Some((_, false)) => {}
            }
        }
        if lowest == reached {
            let start = self.stack.iter().position(|on| *on == node).unwrap_or(0);
            let mut circle = self.stack.split_off(start);
            for node in &circle {
                if let Some((_, on_stack)) = self.seen.get_mut(node) {
                    *on_stack = false;
                }
            }
            circle.sort_unstable();
            if circle.len() > 1 {
                self.found.push(circle);
            }
        }
        lowest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn circles_of(edges: &[(u8, u8)]) -> Vec<Vec<u8>> {
        let mut graph = Graph::new();
        for (from, to) in edges {
            graph.entry(*from).or_insert_with(BTreeSet::new).insert(*to);
        }
        circles(&graph)
    }

    #[test]
    fn nodes_that_reach_each_other_are_a_circle() {
        assert!(circles_of(&[(1, 2), (2, 3), (1, 3)]).is_empty());
        assert_eq!(circles_of(&[(1, 2), (2, 1)]), [[1, 2]]);
        assert_eq!(circles_of(&[(1, 2), (2, 3), (3, 1), (3, 4), (5, 1)]), [[1, 2, 3]]);
        assert_eq!(circles_of(&[(1, 2), (2, 1), (2, 3), (3, 4), (4, 3)]), [[3, 4], [1, 2]]);
    }
}
