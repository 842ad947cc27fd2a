//! Command lines that make no sense.

use crate::table::{ROW, Row, unasked};

pub fn rows() -> Vec<Row> {
    const USAGE: Row = Row { exit: 2, code: "usage", also: unasked, ..ROW };
    vec![
        Row {
            name: "an unknown flag",
            args: &["usage", "--colour"],
            stderr: "error: unexpected argument '--colour' found\n\
                \n\
                Usage: pentify usage [OPTIONS]\n\
                \n\
                For more information, try '--help'.",
            ..USAGE
        },
        Row {
            name: "an empty workspace, as from an unset variable",
            args: &["login", "--workspace", ""],
            stderr: "error: a value is required for '--workspace <NAME>' but none was supplied\n\
                \n\
                For more information, try '--help'.",
            ..USAGE
        },
        Row {
            name: "a token where a command belongs is not repeated",
            args: &["auth", "pt_live_0123456789abcdef"],
            stderr: "error: unrecognized subcommand 'pt_live_…'\n\
                \n\
                Usage: pentify auth [OPTIONS] <COMMAND>\n\
                \n\
                For more information, try '--help'.",
            ..USAGE
        },
        Row {
            name: "an unknown command",
            args: &["logn"],
            stderr: "error: unrecognized subcommand 'logn'\n\
                \n\
                \x20 tip: some similar subcommands exist: 'logout', 'login'\n\
                \n\
                Usage: pentify [OPTIONS] <COMMAND>\n\
                \n\
                For more information, try '--help'.",
            ..USAGE
        },
        Row {
            name: "no path",
            args: &["api", "GET"],
            stderr: "error: the following required arguments were not provided:\n\
                \x20 <PATH>\n\
                \n\
                Usage: pentify api <METHOD> <PATH>\n\
                \n\
                For more information, try '--help'.",
            ..USAGE
        },
        Row {
            name: "a flag without its value",
            args: &["usage", "--workspace"],
            stderr: "error: a value is required for '--workspace <NAME>' but none was supplied\n\
                \n\
                For more information, try '--help'.",
            ..USAGE
        },
    ]
}
