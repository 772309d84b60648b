//! What an expression is worth for a record. What cannot be calculated has no value, as what is not there.

use super::{
    expression::Expression,
    function::{finite, period},
    record::Record,
    value::Value,
};

/// The value of `expression` for `record`; `counts` are those of its group.
pub(super) fn value(expression: &Expression, record: &Record, counts: &[Option<Value>]) -> Option<Value> {
    let of = |inner: &Expression| value(inner, record, counts);
    match expression {
        Expression::Field(name) => record.field(name),
        Expression::Constant(constant) => Some(constant.clone()),
        Expression::Aggregate(number) => counts.get(*number)?.clone(),
        Expression::Bin(length) => Some(Value::Time(period(record.time()?.as_millis(), *length))),
        Expression::Call(function, arguments) => function.of(&arguments.iter().map(of).collect::<Vec<_>>()),
        Expression::Calculate(symbol, left, right) => calculated(symbol, of(left)?.number()?, of(right)?.number()?),
        _ => Some(Value::Truth(holds(expression, record, counts))),
    }
}

/// Whether `expression` holds for `record`.
pub(super) fn holds(expression: &Expression, record: &Record, counts: &[Option<Value>]) -> bool {
    let of = |inner: &Expression| value(inner, record, counts);
    let is = |inner: &Expression| holds(inner, record, counts);
    match expression {
        Expression::Not(inner) => !is(inner),
        Expression::And(all) => all.iter().all(is),
        Expression::Or(all) => all.iter().any(is),
        Expression::Compare(symbol, left, right) => match (of(left), of(right)) {
            (Some(left), Some(right)) => compared(symbol, &left, &right),
            // What is not there differs from everything, and is neither less nor more.
            _ => *symbol == "!=",
        },
        Expression::Contains(inner, text) => of(inner).is_some_and(|value| value.to_string().contains(text.as_str())),
        Expression::Matches(inner, regex) => of(inner).is_some_and(|value| regex.is_match(&value.to_string())),
        Expression::In(inner, choice) => {
            of(inner).is_some_and(|value| choice.iter().filter_map(of).any(|one| value.compare(&one).is_eq()))
        }
        _ => of(expression).is_some_and(|value| value.holds()),
    }
}

fn compared(symbol: &str, left: &Value, right: &Value) -> bool {
    let order = left.compare(right);
    match symbol {
        "=" => order.is_eq(),
        "!=" => order.is_ne(),
        "<" => order.is_lt(),
        "<=" => order.is_le(),
        ">" => order.is_gt(),
        _ => order.is_ge(),
    }
}

fn calculated(symbol: &str, left: f64, right: f64) -> Option<Value> {
    finite(match symbol {
        "+" => left + right,
        "-" => left - right,
        "*" => left * right,
        "/" => left / right,
        "%" => left % right,
        _ => left.powf(right),
    })
}
