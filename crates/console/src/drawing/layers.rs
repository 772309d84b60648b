//! Places for the boxes of a graph that reads from left to right: columns by who calls whom, and within a column an
//! order in which few lines cross (the barycentre method of Sugiyama, Tagawa and Toda, 1981).

/// Times that the columns are put in order.
const SWEEPS: usize = 6;
/// Columns that one line may go past in lanes of its own.
const LANES_MAX: usize = 32;

/// The columns of `count` boxes joined by `lines` (from, to), each from above.
pub(super) fn columns(count: usize, lines: &[(usize, usize)]) -> Vec<Vec<usize>> {
    let forward = without_circles(count, lines);
    let layers = layers(count, &forward);
    let depth = layers.iter().max().map_or(0, |deepest| deepest + 1);
    let mut columns = vec![Vec::new(); depth];
    for (node, layer) in layers.iter().enumerate() {
        columns[*layer].push(node);
    }
    for sweep in 0..SWEEPS {
        order(&mut columns, &forward, sweep % 2 == 0);
    }
    columns
}

/// Columns in which a line that goes past others has a lane in each, an item of its own behind the boxes; and the lanes
/// of each line.
pub(super) fn with_lanes(count: usize, lines: &[(usize, usize)]) -> (Vec<Vec<usize>>, Vec<Vec<usize>>) {
    let layers = layers(count, &without_circles(count, lines));
    let (mut parts, mut lanes, mut next) = (Vec::new(), Vec::new(), count);
    for (from, to) in lines {
        let past = match (layers.get(*from), layers.get(*to)) {
            (Some(first), Some(last)) => last.saturating_sub(first + 1).min(LANES_MAX),
            _ => 0,
        };
        let own: Vec<usize> = (next..next + past).collect();
        next += past;
        let stops: Vec<usize> = [*from].into_iter().chain(own.iter().copied()).chain([*to]).collect();
        parts.extend(stops.windows(2).map(|pair| (pair[0], pair[1])));
        lanes.push(own);
    }
    (columns(next, &parts), lanes)
}

/// `lines` without those that lead back to where one came from.
fn without_circles(count: usize, lines: &[(usize, usize)]) -> Vec<(usize, usize)> {
    let mut outgoing = vec![Vec::new(); count];
    for (from, to) in lines.iter().filter(|(from, to)| *from < count && *to < count) {
        outgoing[*from].push(*to);
    }
    let called: Vec<bool> = (0..count).map(|node| lines.iter().any(|(_, to)| *to == node)).collect();
    let roots = (0..count).filter(|node| !called[*node]).chain(0..count);
    let (mut state, mut kept) = (vec![State::New; count], Vec::new());
    for root in roots {
        walk(root, &outgoing, &mut state, &mut kept);
    }
    kept
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    New,
    Open,
    Done,
}

/// Walks without recursion: a graph may be as deep as it likes.
fn walk(root: usize, outgoing: &[Vec<usize>], state: &mut [State], kept: &mut Vec<(usize, usize)>) {
    if state[root] != State::New {
        return;
    }
    state[root] = State::Open;
    let mut path = vec![(root, 0)];
    while let Some((node, next)) = path.last_mut() {
        let (node, place) = (*node, *next);
        let Some(to) = outgoing[node].get(place).copied() else {
            state[node] = State::Done;
            path.pop();
            continue;
        };
        *next += 1;
        if state[to] != State::Open {
            kept.push((node, to));
        }
        if state[to] == State::New {
            state[to] = State::Open;
            path.push((to, 0));
        }
    }
}

/// Each box's column: one more than the last of those that lead to it.
fn layers(count: usize, forward: &[(usize, usize)]) -> Vec<usize> {
    let mut layers = vec![0; count];
    // A graph without circles has no longer way than its boxes.
    for _ in 0..count {
        let before = layers.clone();
        for (from, to) in forward {
            layers[*to] = layers[*to].max(layers[*from] + 1);
        }
        if layers == before {
            break;
        }
    }
    layers
}

/// Puts each column in the order of the means of its neighbours' places, from the left or from the right.
fn order(columns: &mut [Vec<usize>], lines: &[(usize, usize)], rightwards: bool) {
    let places: Vec<usize> = if rightwards { (1..columns.len()).collect() } else { (0..columns.len()).rev().collect() };
    for place in places {
        let position = |node: usize| -> Option<f64> {
            let column = columns.iter().find(|column| column.contains(&node))?;
            let index = column.iter().position(|other| *other == node)?;
            Some((real(index) + 0.5) / real(column.len()))
        };
        let mean = |node: usize| -> f64 {
            let neighbours = lines.iter().filter_map(|(from, to)| match rightwards {
                true if *to == node => position(*from),
                false if *from == node => position(*to),
                _ => None,
            });
            let found: Vec<f64> = neighbours.collect();
            let own = position(node).unwrap_or(0.0);
            if found.is_empty() { own } else { found.iter().sum::<f64>() / real(found.len()) }
        };
        let mut sorted: Vec<(f64, usize)> = columns[place].iter().map(|node| (mean(*node), *node)).collect();
        sorted.sort_by(|left, right| left.0.total_cmp(&right.0));
        columns[place] = sorted.into_iter().map(|(_, node)| node).collect();
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
    fn columns_follow_who_calls_whom() {
        let lines = [(0, 1), (1, 2), (1, 3), (0, 3)];
        assert_eq!(columns(4, &lines), [vec![0], vec![1], vec![2, 3]]);
    }

    #[test]
    fn circles_and_lone_boxes_have_places_too() {
        let columns = columns(5, &[(0, 1), (1, 2), (2, 0), (3, 3)]);
        assert_eq!(columns.iter().map(Vec::len).sum::<usize>(), 5);
        assert!(super::columns(0, &[]).is_empty());
    }

    #[test]
    fn lines_do_not_cross_where_they_need_not() {
        // 0 → 3 and 1 → 2: in the order of their numbers the lines would cross.
        let columns = columns(4, &[(0, 3), (1, 2)]);
        let place = |node| columns.iter().find_map(|c| c.iter().position(|n| *n == node)).unwrap();
        assert_eq!(place(0) < place(1), place(3) < place(2));
    }

    #[test]
    fn a_long_chain_is_no_trouble() {
        let lines: Vec<_> = (0..2000).map(|node| (node, node + 1)).collect();
        assert_eq!(columns(2001, &lines).len(), 2001);
    }
}
