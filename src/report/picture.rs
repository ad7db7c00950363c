//! A directed graph as SVG: in layers from left to right, so that what follows stands further right.
//!
//! Layers by the longest path, edges over several layers through stand-ins, fewer crossings by the barycentre of the
//! neighbours: Sugiyama, Tagawa and Toda, "Methods for Visual Understanding of Hierarchical System Structures" (1981).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::diff::printable;

/// A box.
#[derive(Debug, Clone, Default)]
pub(super) struct Node {
    /// Its name.
    pub(super) label: String,
    /// Smaller, below the name.
    pub(super) below: String,
    /// How it is marked, as a class of the page's style; and in words, for who does not see it.
    pub(super) class: &'static str,
}

/// An arrow, perhaps with a word.
pub(super) type Edge = (usize, usize, Option<&'static str>);

const WIDTH: usize = 250;
const HEIGHT: usize = 46;
const ACROSS: usize = 56;
const DOWN: usize = 14;
/// The height of a stand-in.
const THIN: usize = 10;
/// Characters that a box has room for.
const ROOM: usize = 27;
/// Rounds of sorting layers by their neighbours.
const ROUNDS: usize = 8;
/// Boxes in a column of those that are joined to nothing.
const COLUMN: usize = 4;

/// Where things stand: boxes first, then the stand-ins of long edges.
struct Layout {
    /// Per layer, from the top.
    layers: Vec<Vec<usize>>,
    /// Of boxes and stand-ins.
    layer: Vec<usize>,
    /// Per edge, what it runs through, with both ends.
    paths: Vec<Vec<usize>>,
}

/// The picture; `marker` names its arrow head, once per page.
pub(super) fn svg(nodes: &[Node], edges: &[Edge], title: &str, marker: &str) -> String {
    let layout = layout(nodes.len(), edges);
    let (places, height) = places(nodes.len(), &layout);
    let width = layout.layers.len() * (WIDTH + ACROSS) - ACROSS.min(layout.layers.len() * ACROSS) + 8;
    let mut out = String::new();
    let _ = writeln!(
        out,
        "<svg role=\"img\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         xmlns=\"http://www.w3.org/2000/svg\"><title>{}</title>\
         <defs><marker id=\"{marker}\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" \
         markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0L8 4L0 8z\"/></marker></defs>",
        escaped(title),
    );
    for ((_, _, word), path) in edges.iter().zip(&layout.paths) {
        arrow(path, &places, *word, marker, &mut out);
    }
    for (node, (x, y)) in nodes.iter().zip(&places) {
        let title = [node.label.as_str(), &node.below, node.class].join("\n");
        let _ = writeln!(
            out,
            "<g class=\"{}\"><title>{}</title><rect x=\"{x}\" y=\"{y}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" rx=\"6\"/>\
             <text x=\"{}\" y=\"{}\">{}</text><text class=\"below\" x=\"{}\" y=\"{}\">{}</text></g>",
            node.class,
            escaped(&title),
            x + 10,
            y + 19,
            escaped(&shortened(&node.label, ROOM)),
            x + 10,
            y + 36,
            escaped(&shortened(&node.below, ROOM + 6)),
        );
    }
    out.push_str("</svg>\n");
    out
}

/// Without the arrows whose ends are joined through others, too.
pub(super) fn reduced(edges: &[Edge]) -> Vec<Edge> {
    let mut next: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    for (from, to, _) in edges {
        next.entry(*from).or_default().insert(*to);
    }
    let beyond = |start: usize, end: usize| {
        let (mut seen, mut waiting) = (BTreeSet::new(), vec![start]);
        while let Some(node) = waiting.pop() {
            for other in next.get(&node).into_iter().flatten() {
                let direct = node == start && *other == end;
                if !direct && seen.insert(*other) {
                    waiting.push(*other);
                }
            }
        }
        seen.contains(&end)
    };
    edges.iter().filter(|(from, to, _)| !beyond(*from, *to)).copied().collect()
}

fn layout(count: usize, edges: &[Edge]) -> Layout {
    let forward = without_circles(count, edges);
    let mut layer = vec![0; count];
    // A path visits each box at most once, so the longest is found after that many rounds.
    for _ in 0..count {
        let mut moved = false;
        for &(from, to) in &forward {
            if layer[to] <= layer[from] {
                layer[to] = layer[from] + 1;
                moved = true;
            }
        }
        if !moved {
            break;
        }
    }
    let mut joined = vec![false; count];
    for &(from, to, _) in edges {
        (joined[from], joined[to]) = (true, true);
    }
    // What is joined to nothing stands in columns behind the rest.
    let mut deepest = (0..count).filter(|node| joined[*node]).map(|node| layer[node] + 1).max().unwrap_or(0);
    for (index, node) in (0..count).filter(|node| !joined[*node]).enumerate() {
        layer[node] = deepest + index / COLUMN;
    }
    deepest = layer.iter().map(|it| it + 1).max().unwrap_or(deepest);
    let mut paths = Vec::new();
    for &(from, to, _) in edges {
        let mut path = vec![from];
        for between in layer[from] + 1..layer[to] {
            path.push(layer.len());
            layer.push(between);
        }
        path.push(to);
        paths.push(path);
    }
    let mut layers = vec![Vec::new(); deepest];
    for (node, at) in layer.iter().enumerate() {
        layers[*at].push(node);
    }
    let mut near = vec![Vec::new(); layer.len()];
    for pair in paths.iter().flat_map(|path| path.windows(2)) {
        if let [a, b] = *pair {
            near[a].push(b);
            near[b].push(a);
        }
    }
    sort(&mut layers, &layer, &near);
    Layout { layers, layer, paths }
}

/// The edges but those that close a circle, in the order of a walk from the first box on.
fn without_circles(count: usize, edges: &[Edge]) -> Vec<(usize, usize)> {
    let mut next = vec![Vec::new(); count];
    for &(from, to, _) in edges {
        next[from].push(to);
    }
    let (mut out, mut done, mut open) = (Vec::new(), vec![false; count], vec![false; count]);
    for start in 0..count {
        let mut path = vec![(start, 0)];
        while let Some((node, index)) = path.pop() {
            if index == 0 {
                if done[node] {
                    continue;
                }
                (done[node], open[node]) = (true, true);
            }
            let Some(&to) = next[node].get(index) else {
                open[node] = false;
                continue;
            };
            path.push((node, index + 1));
            if !open[to] {
                out.push((node, to));
                if !done[to] {
                    path.push((to, 0));
                }
            }
        }
    }
    out
}

/// Sorts each layer by where its neighbours stand, to and fro.
fn sort(layers: &mut [Vec<usize>], layer: &[usize], near: &[Vec<usize>]) {
    let mut rank = vec![0; layer.len()];
    let ranked = |nodes: &[usize], rank: &mut Vec<usize>| {
        nodes.iter().enumerate().for_each(|(index, node)| rank[*node] = index);
    };
    for nodes in layers.iter() {
        ranked(nodes, &mut rank);
    }
    for round in 0..ROUNDS {
        let forward = usize::is_multiple_of(round, 2);
        for step in 0..layers.len() {
            let at = if forward { step } else { layers.len() - 1 - step };
            // The mean as a fraction of whole numbers: the same on every machine.
            let key = |node: &usize| {
                let beside = |other: &&usize| if forward { layer[**other] < at } else { layer[**other] > at };
                let beside: Vec<_> = near[*node].iter().filter(beside).map(|other| rank[*other]).collect();
                if beside.is_empty() {
                    rank[*node] * 1000
                } else {
                    beside.iter().sum::<usize>() * 1000 / beside.len()
                }
            };
            layers[at].sort_by_cached_key(key);
            ranked(&layers[at], &mut rank);
        }
    }
}

/// The upper left corner of each box and stand-in, and the height of the whole.
fn places(boxes: usize, layout: &Layout) -> (Vec<(usize, usize)>, usize) {
    let tall = |node: usize| if node < boxes { HEIGHT } else { THIN };
    let height = |nodes: &[usize]| nodes.iter().map(|node| tall(*node) + DOWN).sum::<usize>();
    let whole = layout.layers.iter().map(|nodes| height(nodes)).max().unwrap_or(0);
    let mut places = vec![(0, 0); layout.layer.len()];
    for (column, nodes) in layout.layers.iter().enumerate() {
        let mut y = 4 + (whole - height(nodes)) / 2;
        for node in nodes {
            places[*node] = (4 + column * (WIDTH + ACROSS), y);
            y += tall(*node) + DOWN;
        }
    }
    (places, whole + 8)
}

fn arrow(path: &[usize], places: &[(usize, usize)], word: Option<&str>, marker: &str, out: &mut String) {
    let [first, .., last] = path else { return };
    let middle = |node: usize, tall: usize| places[node].1 + tall / 2;
    let (mut x, mut y) = (places[*first].0 + WIDTH, middle(*first, HEIGHT));
    let mut line = format!("M{x} {y}");
    if let Some(word) = word {
        let _ =
            writeln!(out, "<text class=\"word\" x=\"{}\" y=\"{}\">{word}</text>", x + 4, y.saturating_sub(5));
    }
    for node in path.get(1..).unwrap_or_default() {
        let end = node == last;
        let (to_x, to_y) = (places[*node].0, middle(*node, if end { HEIGHT } else { THIN }));
        let half = to_x.abs_diff(x) / 2;
        let _ = write!(line, "C{} {y} {} {to_y} {to_x} {to_y}", x + half, to_x.saturating_sub(half));
        (x, y) = (to_x, to_y);
        if !end {
            x += WIDTH;
            let _ = write!(line, "H{x}");
        }
    }
    let _ = writeln!(out, "<path d=\"{line}\" marker-end=\"url(#{marker})\"/>");
}

/// A text that fits, with its beginning and its end: logical ids that begin alike end differently.
fn shortened(text: &str, room: usize) -> String {
    let count = text.chars().count();
    if count <= room {
        return text.to_owned();
    }
    let head = room / 2 - 1;
    let tail = text.chars().skip(count - (room - head - 1));
    text.chars().take(head).chain(['…']).chain(tail).collect()
}

/// Text as it is read, within HTML or SVG, also in quotes.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in printable(text).chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(count: usize, edges: &[Edge], layers: &[usize]) {
        assert_eq!(layout(count, edges).layer.get(..count).unwrap(), layers, "{edges:?}");
    }

    #[test]
    fn what_follows_stands_further_right() {
        let edge = |from, to| (from, to, None);
        check(3, &[edge(0, 1), edge(1, 2), edge(0, 2)], &[0, 1, 2]);
        check(3, &[edge(0, 1), edge(1, 0)], &[0, 1, 2]);
        check(0, &[], &[]);
        check(5, &[], &[0, 0, 0, 0, 1]);
        let long = layout(3, &[edge(0, 1), edge(1, 2), edge(0, 2)]);
        assert_eq!(long.paths, [vec![0, 1], vec![1, 2], vec![0, 3, 2]], "through a stand-in");
    }

    proptest! {
        #[test]
        fn boxes_never_overlap(count in 1_usize..30, pairs in prop::collection::vec((0_usize..30, 0_usize..30), 0..60)) {
            let edges: Vec<Edge> = pairs.into_iter().map(|(a, b)| (a % count, b % count, None)).collect();
            let layout = layout(count, &edges);
            let (places, height) = places(count, &layout);
            for (index, a) in places.iter().take(count).enumerate() {
                prop_assert!(a.1 + HEIGHT < height);
                for b in places.iter().take(index) {
                    prop_assert!(a.0 != b.0 || a.1.abs_diff(b.1) >= HEIGHT, "{a:?} {b:?}");
                }
            }
            let nodes = vec![Node::default(); count];
            prop_assert!(!svg(&nodes, &edges, "t", "m").contains("NaN"));
        }
    }
}
