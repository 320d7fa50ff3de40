//! Problems as a compiler shows them: with the line that is wrong, and what is wrong in it underlined.

use std::fmt::Write as _;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use keywell_store::terminal::escape;

use super::{Problem, Report, Severity};

/// How wide a line of the report is at most.
const WIDTH: usize = 140;

// === impl Report ===

impl Report {
    /// The report for a terminal or a log: nothing in it acts on a terminal but colours, if it is to
    /// have them. Each problem ends with an empty line.
    ///
    /// Values that may be secret are shown as `***`: what stands in the settings of a store, in a
    /// component's `env` and behind unknown keys, and logins and settings of URLs.
    pub fn render(&self, is_coloured: bool) -> String {
        let renderer = if is_coloured {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        let renderer = renderer.term_width(WIDTH);
        let (shown, more) = self.shown();
        let problems = shown.iter();
        let mut text: String = problems
            .map(|problem| rendered(problem, &renderer) + "\n\n")
            .collect();
        if more > 0 {
            let _ = writeln!(text, "and {more} more");
        }
        text
    }
}

fn rendered(problem: &Problem, renderer: &Renderer) -> String {
    let level = match problem.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(escape(&problem.message));
    let file = problem.file.as_ref();
    let file = file.map(|file| escape(&file.to_string_lossy()).into_owned());
    let (place, help) = (problem.place, problem.help.as_deref().map(escape));
    let with_help = |group: Group<'_>| match &help {
        Some(help) => {
            let group = group.element(Level::HELP.message(&**help));
            renderer.render(&[group])
        }
        None => renderer.render(&[group]),
    };
    let line = problem.source.as_ref().filter(|_| place.is_known());
    let Some(line) = line.and_then(|source| source.shown(place)) else {
        let group = Group::with_title(title);
        return with_help(match &file {
            Some(file) if place.is_known() => {
                let origin = Origin::path(&**file).line(place.line);
                group.element(origin.char_column(place.column))
            }
            Some(file) => group.element(Origin::path(&**file)),
            None => group,
        });
    };
    let snippet = Snippet::source(&*line.text)
        .line_start(place.line)
        .path(PATH)
        .annotation(AnnotationKind::Primary.span(line.span.clone()));
    let shown = with_help(title.element(snippet));
    // The crate counts columns in the line that is shown, which may be without a part of it.
    let column = line.text[..line.span.start].chars().count() + 1;
    let counted = format!("{PATH}:{}:{column}", place.line);
    let file = file.unwrap_or_default();
    let (title, rest) = shown.split_once('\n').unwrap_or((&shown, ""));
    let rest = rest.replacen(&counted, &format!("{file}:{place}"), 1);
    format!("{title}\n{rest}")
}

/// Stands for the file until the place is put in.
const PATH: &str = "FILE";

#[cfg(test)]
#[allow(clippy::single_range_in_vec_init, reason = "one part is hidden")]
mod tests {
    use super::*;
    use crate::Place;
    use crate::report::Source;

    fn problem(text: &str, secrets: &[std::ops::Range<usize>], column: usize) -> Report {
        let place = Place {
            line: 2,
            column,
            length: 3,
            ..Place::default()
        };
        let source = Source::new(text, secrets.to_vec());
        let problem = Problem::error("it is \u{1b}[31modd").help("make it even");
        problem
            .at("a\u{7}/keywell.toml".into(), Some(source), place)
            .into()
    }

    #[test]
    fn a_problem_is_shown_with_its_line_and_its_place() {
        let text = "[store.a]\npassword = 'hunter2', odd = \u{1b}1\n";
        let shown = problem(text, &[21..30], 23).render(false);
        let expected = "error: it is \\u{1b}[31modd\n \
                        --> a\\u{7}/keywell.toml:2:23\n  \
                        |\n\
                        2 | password = ***, odd = \\u{1b}1\n  \
                        |                 ^^^\n  \
                        |\n  \
                        = help: make it even\n\n";
        assert_eq!(shown, expected);
    }

    #[test]
    fn colours_are_all_that_acts_on_a_terminal() {
        let report = problem("\n\u{1b}[2Jx = \u{202e}1", &[], 1);
        let shown = report.render(true);
        assert!(shown.contains("\u{1b}[") && !shown.contains('\u{202e}'));
        for sequence in shown.split('\u{1b}').skip(1) {
            let (code, _) = sequence.split_once('m').unwrap();
            let is_colour = |c: char| c.is_ascii_digit() || matches!(c, '[' | ';');
            assert!(code.chars().all(is_colour), "{shown:?}");
        }
    }

    #[test]
    fn a_problem_without_a_line_has_its_file_or_nothing() {
        let whole = Problem::warning("odd").at("a.toml".into(), None, Place::default());
        let shown = Report::from(whole).render(false);
        assert_eq!(shown, "warning: odd\n--> a.toml\n\n");
        let nowhere = Report::from(Problem::error("odd")).render(false);
        assert_eq!(nowhere, "error: odd\n\n");
    }
}
