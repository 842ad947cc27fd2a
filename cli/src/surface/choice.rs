//! Choosing a workspace by its number.

use std::io::{self, BufRead, Write};

use doorkey_core::command::Choice;
use doorkey_core::text::harmless;

use crate::printer::{BOLD, Printer, RESET};

/// Lists the choices and returns what reads the answer: a number, a slug, or nothing for none.
pub(super) fn ask(printer: Printer, choices: &[Choice]) -> Box<dyn FnOnce() -> Option<usize> + Send> {
    printer.message("You are in several workspaces. Which one shall this machine use?\n");
    for row in rows(choices) {
        printer.message(&row);
    }
    printer.message("");
    let slugs: Vec<String> = choices.iter().map(|choice| choice.slug.clone()).collect();
    Box::new(move || read(&mut io::stdin().lock(), &mut io::stderr(), &slugs))
}

fn rows(choices: &[Choice]) -> Vec<String> {
    let title = |choice: &Choice| format!("{} ({})", choice.name, choice.slug);
    let width = choices.iter().map(|choice| title(choice).chars().count()).max().unwrap_or(0);
    let balance = |choice: &Choice| choice.balance.map(|balance| balance.to_string()).unwrap_or_default();
    let right = choices.iter().map(|choice| balance(choice).len()).max().unwrap_or(0);
    let digits = choices.len().to_string().len();
    let row = |(number, choice): (usize, &Choice)| {
        let padding = " ".repeat(width - title(choice).chars().count());
        let (name, slug) = (&choice.name, &choice.slug);
        let row = format!(
            "  {number:>digits$}  {BOLD}{name}{RESET} ({slug}){padding}  {:>right$}",
            balance(choice)
        );
        row.trim_end().to_owned()
    };
    (1..).zip(choices).map(row).collect()
}

/// Asks until the answer is one of them, or none: an empty line, Escape, or the end.
fn read(input: &mut impl BufRead, output: &mut impl Write, slugs: &[String]) -> Option<usize> {
    let last = slugs.len();
    loop {
        let _ = write!(output, "Number 1-{last} or slug, or Enter for none: ").and_then(|()| output.flush());
        let mut line = String::new();
        let read = input.read_line(&mut line);
        let answer = line.trim();
        if read.is_err() || answer.is_empty() || answer.contains('\x1b') {
            return None;
        }
        let number = answer.parse::<usize>().ok().filter(|number| (1..=last).contains(number));
        let chosen = number.map(|number| number - 1).or_else(|| slugs.iter().position(|slug| slug == answer));
        if chosen.is_some() {
            return chosen;
        }
        let _ = writeln!(output, "None of them has the number or slug {:?}.", harmless(answer));
    }
}

#[cfg(test)]
mod tests {
    use doorkey_core::money::Money;

    use super::*;

    fn choice(name: &str, slug: &str, cents: Option<i64>) -> Choice {
        let balance = cents.map(|cents| Money::from_units(cents * 100));
        Choice { name: name.to_owned(), slug: slug.to_owned(), balance }
    }

    #[test]
    fn names_and_balances_stand_in_columns() {
        let choices = [
            choice("Acme", "acme", Some(4_200)),
            choice("Bücher", "books", Some(123_456)),
            choice("No Balance", "x", None),
        ];
        let rows: Vec<String> =
            rows(&choices).iter().map(|row| row.replace(BOLD, "").replace(RESET, "")).collect();
        assert_eq!(
            rows,
            ["  1  Acme (acme)       $42.00", "  2  Bücher (books)  $1234.56", "  3  No Balance (x)"]
        );
    }

    #[test]
    fn only_a_number_or_a_slug_of_the_list_chooses() {
        let slugs = ["acme".to_owned(), "blue-team".to_owned()];
        for (typed, chosen, asked) in [
            ("2\n", Some(1), 1),
            (" 1 \n", Some(0), 1),
            ("blue-team\n", Some(1), 1),
            ("3\n0\n-1\nacm\n1\n", Some(0), 5),
            ("\n2\n", None, 1),
            ("\x1b\n2\n", None, 1),
            ("", None, 1),
            ("9\n", None, 2),
        ] {
            let mut output = Vec::new();
            assert_eq!(read(&mut typed.as_bytes(), &mut output, &slugs), chosen, "{typed:?}");
            let output = String::from_utf8(output).unwrap();
            assert_eq!(output.matches("Number 1-2 or slug").count(), asked, "{typed:?}");
            let answered = usize::from(chosen.is_some() || typed.starts_with(['\n', '\x1b']));
            let missed = typed.lines().count().min(asked) - answered;
            assert_eq!(output.matches("None of them has").count(), missed, "{typed:?}");
        }
    }
}
