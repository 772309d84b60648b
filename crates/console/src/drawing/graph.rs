//! Boxes and who leads to whom, from left to right: the mesh, and the map of who calls whom.

use std::fmt::Write as _;

use maud::{Markup, html};

use super::layers;
use crate::words::cut;

/// Sizes, in units of the picture, which are pixels where there is room.
const BOX: (f64, f64) = (150.0, 50.0);
const GAP: (f64, f64) = (56.0, 16.0);
const MARGIN: f64 = 4.0;
/// The height that a line takes which goes past a column of boxes.
const LANE: f64 = 10.0;
/// Characters of a title, and of the line below it, that fit into a box.
const TITLE_MAX: usize = 18;
const NOTE_MAX: usize = 24;

/// A thing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Node {
    /// Its name.
    pub(crate) title: String,
    /// What it is, in a word, above its name.
    pub(crate) kind: &'static str,
    /// What else there is to say, below its name.
    pub(crate) note: String,
    /// The stylesheet's class for it.
    pub(crate) class: &'static str,
    /// Where it leads.
    pub(crate) link: Option<String>,
}

/// A way from one to another.
#[derive(Clone, Debug, Default)]
pub(crate) struct Line {
    /// Its ends, as places in the list of things.
    pub(crate) from: usize,
    pub(crate) to: usize,
    /// What stands at it.
    pub(crate) label: String,
    /// Which part of everything takes it, 0 to 1; none where that makes no sense.
    pub(crate) share: Option<f64>,
    /// The stylesheet's class for it.
    pub(crate) class: &'static str,
}

/// The picture, called `title`.
pub(crate) fn draw(title: &str, nodes: &[Node], lines: &[Line]) -> Markup {
    let ways: Vec<(usize, usize)> = lines.iter().map(|line| (line.from, line.to)).collect();
    let (columns, lanes) = layers::with_lanes(nodes.len(), &ways);
    let tallest = columns.iter().map(|column| height(column, nodes.len())).fold(0.0, f64::max);
    let size = (extent(columns.len(), BOX.0, GAP.0), tallest.max(BOX.1));
    let places = places(nodes.len(), &columns, size.1);
    let lines: Vec<(&Line, Vec<Point>)> =
        lines.iter().zip(&lanes).filter_map(|(line, lanes)| Some((line, way(line, lanes, &places)?))).collect();
    let view = format!("0 0 {} {}", size.0 + 2.0 * MARGIN, size.1 + 2.0 * MARGIN);
    html! {
        div.picture tabindex="0" role="group" aria-label=(title) {
            svg.graph viewBox=(view) width=(size.0 + 2.0 * MARGIN) height=(size.1 + 2.0 * MARGIN) role="img" {
                title { (title) }
                g.lines { @for (line, way) in &lines { (stroke(line, way)) } }
                g.labels { @for (line, way) in &lines { (label(line, way)) } }
                @for (node, place) in nodes.iter().zip(&places) { (boxed(node, *place)) }
            }
        }
    }
}

fn extent(count: usize, size: f64, gap: f64) -> f64 {
    let count = real(count);
    (count * size + (count - 1.0).max(0.0) * gap).max(size)
}

type Point = (f64, f64);

/// The height of a column; what is no box of the first `boxes` is a lane.
fn height(column: &[usize], boxes: usize) -> f64 {
    let heights: f64 = column.iter().map(|node| if *node < boxes { BOX.1 } else { LANE }).sum();
    heights + (real(column.len()) - 1.0).max(0.0) * GAP.1
}

/// The upper left corner of each box and lane; each column stands in the middle of the picture's height.
fn places(boxes: usize, columns: &[Vec<usize>], tallest: f64) -> Vec<Point> {
    let count = columns.iter().flatten().max().map_or(0, |last| last + 1);
    let mut places = vec![(0.0, 0.0); count.max(boxes)];
    for (column, nodes) in columns.iter().enumerate() {
        let mut top = MARGIN + (tallest - height(nodes, boxes)) / 2.0;
        for node in nodes {
            places[*node] = (MARGIN + real(column) * (BOX.0 + GAP.0), top);
            top += if *node < boxes { BOX.1 } else { LANE } + GAP.1;
        }
    }
    places
}

/// The points a line goes through: from the right side of one box, along its lanes, to the left side of the other.
fn way(line: &Line, lanes: &[usize], places: &[Point]) -> Option<Vec<Point>> {
    let (from, to) = (places.get(line.from)?, places.get(line.to)?);
    let mut way = vec![(from.0 + BOX.0, from.1 + BOX.1 / 2.0)];
    for lane in lanes {
        let (x, y) = places.get(*lane)?;
        way.extend([(*x, y + LANE / 2.0), (x + BOX.0, y + LANE / 2.0)]);
    }
    way.push((to.0, to.1 + BOX.1 / 2.0));
    Some(way)
}

fn stroke(line: &Line, way: &[Point]) -> Markup {
    let mut path = way.first().map(|(x, y)| format!("M{x} {y}")).unwrap_or_default();
    for pair in way.windows(2) {
        let [from, to] = pair else { continue };
        let bend = if to.0 > from.0 { (to.0 - from.0) / 2.0 } else { GAP.0 };
        // Writing to a string does not fail.
        let _ = write!(path, " C{} {} {} {} {} {}", from.0 + bend, from.1, to.0 - bend, to.1, to.0, to.1);
    }
    let width = format!("{:.1}", line.share.map_or(1.5, |share| 1.0 + 5.0 * share.clamp(0.0, 1.0)));
    let class =
        if line.share == Some(0.0) { format!("line none {}", line.class) } else { format!("line {}", line.class) };
    html! { path class=(class) d=(path) stroke-width=(width) {} }
}

/// What stands at a line, in the gap before its end, where lines from one box have parted.
fn label(line: &Line, way: &[Point]) -> Markup {
    let [.., from, to] = way else { return html! {} };
    if line.label.is_empty() {
        return html! {};
    }
    html! {
        text.label x=(from.0.midpoint(to.0)) y=(from.1.midpoint(to.1) - 5.0) text-anchor="middle" {
            (line.label)
        }
    }
}

fn boxed(node: &Node, (x, y): (f64, f64)) -> Markup {
    let body = html! {
        title { (node.kind) " " (node.title) @if !node.note.is_empty() { ": " (node.note) } }
        rect x=(x) y=(y) width=(BOX.0) height=(BOX.1) rx="7" {}
        text.kind x=(x + 11.0) y=(y + 14.5) { (node.kind) }
        text.title x=(x + 11.0) y=(y + 29.5) { (cut(&node.title, TITLE_MAX)) }
        text.note x=(x + 11.0) y=(y + 43.0) { (cut(&node.note, NOTE_MAX)) }
    };
    html! {
        @if let Some(link) = &node.link {
            a class=(format!("node {}", node.class)) href=(link) { (body) }
        } @else {
            g class=(format!("node {}", node.class)) { (body) }
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "pictures have few boxes")]
fn real(number: usize) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_text_and_never_markup() {
        let node =
            Node { title: "<script>alert(1)</script>".into(), link: Some("\"><script>".into()), ..Node::default() };
        let line = Line { label: "</text><script>".into(), ..Line::default() };
        let picture = draw("</title><script>", &[node], &[line]).into_string();
        assert!(!picture.contains("<script"), "{picture}");
    }

    #[test]
    fn a_line_goes_past_the_boxes_between_its_ends() {
        let nodes = vec![Node::default(); 3];
        let line = |from, to| Line { from, to, ..Line::default() };
        // The last one leads past the box in the middle, in a lane of its own.
        let (columns, lanes) = layers::with_lanes(3, &[(0, 1), (1, 2), (0, 2)]);
        assert_eq!((columns[1].len(), lanes[2].len()), (2, 1));
        let picture = draw("x", &nodes, &[line(0, 1), line(1, 2), line(0, 2)]).into_string();
        assert!(picture.split("<path").any(|path| path.matches(" C").count() == 3), "{picture}");
    }

    #[test]
    fn lines_are_as_thick_as_their_shares() {
        let nodes = vec![Node::default(); 3];
        let line = |to, share| Line { from: 0, to, share: Some(share), ..Line::default() };
        let picture = draw("x", &nodes, &[line(1, 1.0), line(2, 0.0)]).into_string();
        assert!(picture.contains("stroke-width=\"6.0\"") && picture.contains("line none"), "{picture}");
    }
}
