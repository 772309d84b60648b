//! Reading a query's commands.

use super::{
    COMMANDS_MAX, Column, Command, Query, QueryError, ROWS_MAX, Stats, TEXT_MAX,
    expression::{Expression, Reader},
    extract::Extract,
    lex::{Kind, error, words},
};

/// Columns of one command.
const COLUMNS_MAX: usize = 100;
/// Commands of Insights that are not understood here.
const UNKNOWN: [&str; 9] =
    ["pattern", "diff", "unmask", "unnest", "anomaly", "source", "filterindex", "join", "lookup"];

type Read<T> = Result<T, QueryError>;

/// Reads a query.
pub(super) fn query(text: &str) -> Read<Query> {
    if text.len() > TEXT_MAX {
        return Err(error(text, TEXT_MAX, format!("the query has {} bytes and may have {TEXT_MAX}", text.len())));
    }
    let tokens = words(text)?;
    let mut reader = Reader::new(text, &tokens);
    let mut commands = Vec::new();
    loop {
        if commands.len() == COMMANDS_MAX {
            return Err(reader.wrong(format!("a query has at most {COMMANDS_MAX} commands")));
        }
        commands.push(command(&mut reader)?);
        if reader.peek().is_none() {
            break;
        }
        reader.expect("|")?;
    }
    let looks_inside = fields(&commands).iter().any(|field| !field.starts_with('@'));
    Ok(Query { commands, looks_inside })
}

/// Every field that is asked for.
fn fields(commands: &[Command]) -> Vec<&str> {
    let mut found = Vec::new();
    for command in commands {
        match command {
            Command::Fields(columns) | Command::Display(columns) => {
                for column in columns {
                    column.value.fields(&mut found);
                }
            }
            Command::Filter(condition) => condition.fields(&mut found),
            Command::Parse(extract) => extract.of.fields(&mut found),
            Command::Stats(stats) => {
                stats.aggregates.iter().filter_map(|count| count.of()).for_each(|of| of.fields(&mut found));
                stats.by.iter().for_each(|column| column.value.fields(&mut found));
            }
            Command::Sort(by) => by.iter().for_each(|(by, _)| by.fields(&mut found)),
            Command::Dedup(by) => by.iter().for_each(|by| by.fields(&mut found)),
            Command::Limit(_) => {}
        }
    }
    found
}

fn command(reader: &mut Reader<'_>) -> Read<Command> {
    let Some(Kind::Word(name)) = reader.peek() else { return Err(reader.unexpected("a command")) };
    let name = name.to_ascii_lowercase();
    if UNKNOWN.contains(&name.as_str()) {
        return Err(reader.wrong(format!("the command {name} is not understood here")));
    }
    let known = ["fields", "display", "filter", "parse", "stats", "sort", "dedup", "limit"];
    if !known.contains(&name.as_str()) {
        return Err(reader.unexpected("one of fields, display, filter, parse, stats, sort, dedup, limit"));
    }
    reader.at += 1;
    Ok(match name.as_str() {
        "fields" => Command::Fields(columns(reader)?),
        "display" => Command::Display(columns(reader)?),
        "filter" => Command::Filter(reader.expression()?),
        "parse" => Command::Parse(parse(reader)?),
        "stats" => Command::Stats(stats(reader)?),
        "sort" => Command::Sort(sort(reader)?),
        "dedup" => Command::Dedup(columns(reader)?.into_iter().map(|column| column.value).collect()),
        _ => Command::Limit(limit(reader)?),
    })
}

/// `a, b.c as d, strlen(e)`.
fn columns(reader: &mut Reader<'_>) -> Read<Vec<Column>> {
    let mut all = vec![column(reader)?];
    while reader.takes(",") {
        if all.len() == COLUMNS_MAX {
            return Err(reader.wrong(format!("a command has at most {COLUMNS_MAX} columns")));
        }
        all.push(column(reader)?);
    }
    Ok(all)
}

fn column(reader: &mut Reader<'_>) -> Read<Column> {
    let start = reader.at;
    let value = reader.expression()?;
    let name = if reader.takes_word("as") {
        self::name(reader)?
    } else if let Expression::Field(name) = &value {
        name.clone()
    } else {
        reader.source(start)
    };
    Ok(Column { name, value })
}

/// The name of something new.
fn name(reader: &mut Reader<'_>) -> Read<String> {
    match reader.peek() {
        Some(Kind::Word(name) | Kind::Quoted(name)) => {
            reader.at += 1;
            Ok(name.clone())
        }
        _ => Err(reader.unexpected("a name")),
    }
}

/// `parse @message "GET * *" as path, status`, or `parse /took (?<took>\d+)/`.
fn parse(reader: &mut Reader<'_>) -> Read<Extract> {
    let named = !matches!(reader.peek(), Some(Kind::Text(_) | Kind::Regex(_)));
    let of = if named { reader.expression()? } else { Expression::Field("@message".to_owned()) };
    let start = reader.at;
    let found = match reader.next() {
        Some(Kind::Regex(regex)) => Extract::groups(of, regex.clone()),
        Some(Kind::Text(pattern)) => {
            if !reader.takes_word("as") {
                return Err(reader.unexpected("as"));
            }
            let mut names = vec![name(reader)?];
            while reader.takes(",") {
                names.push(name(reader)?);
            }
            Extract::stars(of, pattern, names)
        }
        _ => {
            reader.at = start;
            return Err(reader.unexpected("a text with stars or a /regular expression/"));
        }
    };
    found.map_err(|what| {
        reader.at = start;
        reader.wrong(what)
    })
}

fn stats(reader: &mut Reader<'_>) -> Read<Stats> {
    reader.aggregates = Some(Vec::new());
    let columns = columns(reader)?;
    let aggregates = reader.aggregates.take().unwrap_or_default();
    if aggregates.is_empty() {
        return Err(reader.unexpected("a count such as count(*)"));
    }
    let by = if reader.takes_word("by") { self::columns(reader)? } else { Vec::new() };
    Ok(Stats { columns, aggregates, by })
}

fn sort(reader: &mut Reader<'_>) -> Read<Vec<(Expression, bool)>> {
    let mut all = Vec::new();
    reader.aggregates = Some(Vec::new());
    loop {
        let start = reader.at;
        let by = reader.expression()?;
        // A column of counts is sorted by its name, which is how it was written: `sort count(*) desc`.
        let by = match by {
            Expression::Field(_) => by,
            _ => {
                Expression::Call(super::function::Function::Coalesce, vec![Expression::Field(reader.source(start)), by])
            }
        };
        let descending = reader.takes_word("desc");
        if !descending {
            reader.takes_word("asc");
        }
        all.push((by, descending));
        if !reader.takes(",") {
            reader.aggregates = None;
            return Ok(all);
        }
    }
}

fn limit(reader: &mut Reader<'_>) -> Read<usize> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "checked")]
    let found = match reader.peek() {
        Some(Kind::Number(number)) if number.fract() == 0.0 && (1.0..=ROWS_MAX as f64).contains(number) => {
            *number as usize
        }
        _ => return Err(reader.unexpected(&format!("a whole number from 1 to {ROWS_MAX}"))),
    };
    reader.at += 1;
    Ok(found)
}
