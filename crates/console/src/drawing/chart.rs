//! Values over time as lines, with a threshold.

use maud::{Markup, html};

/// The picture's size and what is left around the plot for words, in its units.
const SIZE: (f64, f64) = (640.0, 190.0);
/// Room for what stands at the marks, also where a narrow page writes it larger.
const LEFT: f64 = 80.0;
const RIGHT: f64 = 10.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 24.0;
/// The smallest step from one mark to the next, as a part of the plot's height.
const MARKS_MAX: usize = 5;
/// Up to so many points each is drawn as a dot: a line alone shows nothing of a single one.
const DOTS_MAX: usize = 20;

/// A chart.
pub(crate) struct Chart<'a> {
    /// What it shows.
    pub(crate) title: &'a str,
    /// The lines, each with its class and points (seconds since the first, value).
    pub(crate) lines: Vec<(&'static str, Vec<(f64, f64)>)>,
    /// A line across, and what stands at it.
    pub(crate) threshold: Option<(f64, String)>,
    /// Whether each step up is ten times as much.
    pub(crate) is_logarithmic: bool,
    /// How a value is written at its mark.
    pub(crate) write: fn(f64) -> String,
}

/// The part of a value axis that is shown, after its scale.
#[derive(Clone, Copy)]
struct Axis {
    low: f64,
    high: f64,
    is_logarithmic: bool,
}

impl Axis {
    fn of(chart: &Chart<'_>) -> Self {
        let values = chart.lines.iter().flat_map(|(_, points)| points.iter().map(|(_, value)| *value));
        let values = values.chain(chart.threshold.iter().map(|(value, _)| *value));
        let scaled = values.map(|value| scale(value, chart.is_logarithmic)).filter(|value| value.is_finite());
        let (low, high) = scaled.fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(value), high.max(value)));
        let (low, high) = match (chart.is_logarithmic, low <= high) {
            (_, false) => (0.0, 1.0),
            (true, true) => (low.floor().min(0.0), high.ceil().max(low.floor() + 1.0)),
            (false, true) => {
                let high = if high > 0.0 { high * 1.05 } else { 1.0 };
                (0.0, (high / round_step(high)).ceil() * round_step(high))
            }
        };
        Self { low, high, is_logarithmic: chart.is_logarithmic }
    }

    fn y(self, value: f64) -> f64 {
        let part = (scale(value, self.is_logarithmic) - self.low) / (self.high - self.low);
        TOP + (1.0 - part.clamp(0.0, 1.0)) * (SIZE.1 - TOP - BOTTOM)
    }

    /// Values to write at the axis, evenly apart.
    fn marks(self) -> Vec<f64> {
        let whole = (self.high - self.low).max(1.0);
        let step = if self.is_logarithmic { (whole / real(MARKS_MAX)).ceil() } else { round_step(self.high) };
        let marks =
            (0..=MARKS_MAX).map(|place| self.low + step * real(place)).filter(|mark| *mark <= self.high * 1.001);
        marks.map(|mark| if self.is_logarithmic { 10_f64.powf(mark) } else { mark }).collect()
    }
}

/// A step that people like to read, of which a few fill `high`: 1, 2 or 5 of some unit.
fn round_step(high: f64) -> f64 {
    let unit = 10_f64.powf((high / 4.0).log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|times| times * unit);
    steps.into_iter().find(|step| high / step <= real(MARKS_MAX)).unwrap_or(high)
}

fn scale(value: f64, is_logarithmic: bool) -> f64 {
    if is_logarithmic { value.max(1e-12).log10() } else { value }
}

/// The picture.
pub(crate) fn draw(chart: &Chart<'_>) -> Markup {
    let axis = Axis::of(chart);
    let last = chart.lines.iter().flat_map(|(_, points)| points.iter().map(|(at, _)| *at)).fold(0.0, f64::max);
    let x = |at: f64| LEFT + if last > 0.0 { at / last } else { 0.0 } * (SIZE.0 - LEFT - RIGHT);
    let path = |points: &[(f64, f64)]| -> String {
        points.iter().map(|(at, value)| format!("{:.1},{:.1} ", x(*at), axis.y(*value))).collect()
    };
    html! {
        svg.chart viewBox=(format!("0 0 {} {}", SIZE.0, SIZE.1)) role="img" {
            title { (chart.title) }
            @for mark in axis.marks() {
                line.grid x1=(LEFT) x2=(SIZE.0 - RIGHT) y1=(axis.y(mark)) y2=(axis.y(mark)) {}
                text.mark x=(LEFT - 6.0) y=(axis.y(mark) + 3.5) text-anchor="end" { ((chart.write)(mark)) }
            }
            @if let Some((value, words)) = &chart.threshold {
                line.threshold x1=(LEFT) x2=(SIZE.0 - RIGHT) y1=(axis.y(*value)) y2=(axis.y(*value)) {}
                text.mark.threshold x=(LEFT + 6.0) y=(axis.y(*value) + 13.0) { (words) }
            }
            @for (class, points) in &chart.lines {
                polyline class=(format!("series {class}")) points=(path(points)) {}
                @if points.len() <= DOTS_MAX {
                    @for (at, value) in points { circle class=(format!("dot {class}")) cx=(x(*at)) cy=(axis.y(*value)) r="3" {} }
                }
            }
            text.mark x=(LEFT) y=(SIZE.1 - 6.0) { "0" }
            text.mark x=(SIZE.0 - RIGHT) y=(SIZE.1 - 6.0) text-anchor="end" { (crate::words::span(last)) }
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "charts have few marks")]
fn real(number: usize) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(points: Vec<(f64, f64)>, is_logarithmic: bool) -> String {
        let write = |value: f64| format!("{value:.0}");
        let threshold = Some((100.0, "<limit>".to_owned()));
        draw(&Chart { title: "t", lines: vec![("a", points)], threshold, is_logarithmic, write }).into_string()
    }

    #[test]
    fn a_threshold_is_always_in_sight_and_words_are_escaped() {
        let picture = chart(vec![(0.0, 1.0), (10.0, 2.0)], true);
        assert!(picture.contains("&lt;limit&gt;") && picture.contains(">100<") && picture.contains("10.0 s"));
    }

    #[test]
    fn marks_are_round() {
        for (high, step) in [(180.0, 50.0), (1.0, 0.2), (0.0406, 0.01), (7.0, 2.0), (3.0, 1.0)] {
            assert!((round_step(high) - step).abs() < 1e-9, "{high}: {}", round_step(high));
        }
    }

    #[test]
    fn nothing_and_what_is_no_number_is_drawn_as_nothing() {
        for points in [vec![], vec![(0.0, 0.0)], vec![(0.0, f64::NAN), (1.0, f64::INFINITY)]] {
            let picture = chart(points, true);
            assert!(!picture.contains("inf"), "{picture}");
        }
    }
}
