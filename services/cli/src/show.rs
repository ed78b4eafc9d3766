//! How results look: JSON and YAML for programs, tables for people.
//!
//! JSON and YAML are the shapes of [`tandem_proto::json`]; a list is an array, an empty one too.
//! Colour and fitting to a width happen on a terminal only, so that what is piped stays whole.

mod configuration;
mod dead_letters;
mod diff;
mod disputes;
mod plans;
mod questions;
mod rows;
mod stories;
mod tokens;

use std::io::{IsTerminal as _, Write as _};

use comfy_table::{Attribute, Cell, ContentArrangement, Table, presets};
use serde::Serialize;

pub(crate) use self::{
    configuration::Counterpart,
    plans::Shown,
    rows::{Answered, Rows, Watched},
};
use crate::{args::Output, failure::Failure};

/// A thing that people read as a text rather than as a table.
pub(crate) trait Told {
    /// The text, line by line.
    fn told(&self) -> Vec<String>;
}

/// Where results go, and in which form.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Show {
    output: Output,
    is_terminal: bool,
}

impl Show {
    /// Shows on standard output.
    pub(crate) fn new(output: Output) -> Self {
        Self { output, is_terminal: std::io::stdout().is_terminal() }
    }

    /// In which form.
    pub(crate) const fn output(self) -> Output {
        self.output
    }

    /// Shows programs a value; people are told otherwise.
    pub(crate) fn value_of<T: Serialize>(self, value: &T) -> Result<(), Failure> {
        print(self.value(value)?.as_bytes())
    }

    /// Shows one thing whole.
    pub(crate) fn one<T: Serialize + Rows>(self, item: &T) -> Result<(), Failure> {
        let text = match self.output {
            Output::Table => self.details(item),
            Output::Json | Output::Yaml => self.value(item)?,
        };
        print(text.as_bytes())
    }

    /// Shows one thing whole, to people as a text.
    pub(crate) fn told<T: Serialize + Told>(self, item: &T) -> Result<(), Failure> {
        let text = match self.output {
            Output::Table => lines(item),
            Output::Json | Output::Yaml => self.value(item)?,
        };
        print(text.as_bytes())
    }

    /// Shows a list, one line for each.
    pub(crate) fn list<T: Serialize + Rows>(self, items: &[T]) -> Result<(), Failure> {
        let text = match self.output {
            Output::Table => self.table(items),
            Output::Json | Output::Yaml => self.value(&items)?,
        };
        print(text.as_bytes())
    }

    /// Shows a list and what goes for all of it: programs get the whole, people a line for each item
    /// and then the notes.
    pub(crate) fn listing<W: Serialize, T: Rows>(
        self,
        whole: &W,
        items: &[T],
        notes: &[String],
    ) -> Result<(), Failure> {
        let text = match self.output {
            Output::Table => {
                let notes = notes.iter().map(|note| format!("{}\n", printable(note)));
                self.table(items) + &notes.collect::<String>()
            }
            Output::Json | Output::Yaml => self.value(whole)?,
        };
        print(text.as_bytes())
    }

    /// Shows the next of an endless series: a line, a JSON line, or a YAML document.
    pub(crate) fn next<T: Serialize + Rows>(self, item: &T) -> Result<(), Failure> {
        let text = match self.output {
            Output::Table => line(item),
            Output::Json => {
                format!(
                    "{}\n",
                    serde_json::to_string(item).map_err(|error| anyhow::anyhow!(error))?
                )
            }
            Output::Yaml => format!("---\n{}", self.value(item)?),
        };
        print(text.as_bytes())
    }

    /// Says that something without a result was done; programs are told by the exit code.
    pub(crate) fn done(self, what: &str) -> Result<(), Failure> {
        match self.output {
            Output::Table => print(format!("{what}\n").as_bytes()),
            Output::Json | Output::Yaml => Ok(()),
        }
    }

    /// Tells people what comes next; programs know.
    pub(crate) fn next_step(self, what: &str) {
        if self.output == Output::Table {
            eprintln!("next: {what}");
        }
    }

    fn value<T: Serialize>(self, value: &T) -> Result<String, Failure> {
        let text = match self.output {
            Output::Yaml => {
                serde_saphyr::to_string(value).map_err(|error| anyhow::anyhow!(error))?
            }
            Output::Json | Output::Table => {
                serde_json::to_string_pretty(value).map_err(|error| anyhow::anyhow!(error))?
            }
        };
        Ok(if text.ends_with('\n') { text } else { text + "\n" })
    }

    fn details<T: Rows>(self, item: &T) -> String {
        let mut table = self.empty();
        for (name, value) in item.rows() {
            table.add_row([self.heading(name), Cell::new(printable(&value))]);
        }
        finished(table)
    }

    fn table<T: Rows>(self, items: &[T]) -> String {
        let mut table = self.empty();
        table.set_header(T::COLUMNS.iter().map(|name| self.heading(&name.to_uppercase())));
        for item in items {
            let rows = item.rows();
            table.add_row(T::COLUMNS.iter().map(|column| {
                let cell = rows.iter().find(|(name, _)| name == column);
                printable(cell.map_or("", |(_, value)| value.as_str()))
            }));
        }
        finished(table)
    }

    fn empty(self) -> Table {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_content_arrangement(if self.is_terminal {
            ContentArrangement::Dynamic
        } else {
            ContentArrangement::Disabled
        });
        table
    }

    fn heading(self, name: &str) -> Cell {
        let cell = Cell::new(name.replace('_', " "));
        if self.is_terminal { cell.add_attribute(Attribute::Bold) } else { cell }
    }
}

/// A text, line by line.
fn lines<T: Told>(item: &T) -> String {
    let lines: Vec<String> = item.told().iter().map(|line| printable(line)).collect();
    lines.join("\n") + "\n"
}

/// Columns are set apart by two spaces, and nothing stands before the first.
fn finished(mut table: Table) -> String {
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    format!("{}\n", table.trim_fmt())
}

/// One line of a series: its columns have no width in common, since its end is not known.
fn line<T: Rows>(item: &T) -> String {
    let rows = item.rows();
    let cells = rows.iter().filter(|(name, _)| T::COLUMNS.contains(name));
    let cells: Vec<String> = cells.map(|(_, cell)| printable(cell)).collect();
    format!("{}\n", cells.join("  "))
}

/// Writes to standard output as it is.
pub(crate) fn print(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()?;
    Ok(())
}

/// Texts come from outside: no control character of theirs may reach a terminal or break a line.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A value as it stands in a text; a long one is cut.
fn said(value: Option<&str>) -> String {
    const LONG: usize = 80;
    match value {
        None => "empty".to_owned(),
        Some(text) if text.chars().count() <= LONG => format!("\"{}\"", printable(text)),
        Some(text) => {
            let start: String = text.chars().take(LONG).collect();
            format!("\"{}…\"", printable(&start))
        }
    }
}

/// What somebody is called, who may be unknown.
fn somebody(author: Option<&String>) -> &str {
    author.map_or("somebody", String::as_str)
}

/// An instant as people compare it with others: to the millisecond, always as wide.
fn when(at: &str) -> String {
    let Some((date, time)) = at.trim_end_matches('Z').split_once('T') else {
        return at.to_owned();
    };
    let (time, fraction) = time.split_once('.').unwrap_or((time, ""));
    let ms: String = fraction.chars().chain("000".chars()).take(3).collect();
    format!("{date} {time}.{ms}Z")
}

#[cfg(test)]
mod tests;
