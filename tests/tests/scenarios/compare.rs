//! Whether two runs of a scenario are one and the same.

use doorkey_sandbox::Grade;

use crate::world::Played;

/// What the sandbox draws, or derives from what a client draws, and what is no secret, so that it stands in a trace as it
/// is: ids of requests and of new workspaces, and how a token begins. Each with its length; then comes the closing quote.
const DRAWN: [(&str, usize); 3] = [("\"req_", 16), ("\"wks_", 16), ("\"prefix\":\"pt_live_", 4)];
/// What follows from a first difference says little.
const TOLD: usize = 3;

/// The differences, in words; none if a driver did, command for command and at the same times, what the pure core did
/// with the same jitter. Apart from drawn ids, the lines are equal.
pub fn differences(pure: &[Played], driven: &[Played]) -> Vec<String> {
    let [pure, driven] = [pure, driven].map(|played| played.iter().map(lines).collect::<Vec<_>>());
    let mut told = Vec::new();
    for step in 0..pure.len().max(driven.len()) {
        let [pure, driven] = [&pure, &driven].map(|steps| steps.get(step).map_or(&[][..], Vec::as_slice));
        for line in 0..pure.len().max(driven.len()) {
            let [left, right] = [pure, driven].map(|lines| lines.get(line).map_or("-", String::as_str));
            if left != right {
                let (step, line) = (step + 1, line + 1);
                told.push(format!("step {step}, line {line}:\n  pure:   {left}\n  driven: {right}"));
            }
        }
    }
    let more = told.len().saturating_sub(TOLD);
    told.truncate(TOLD);
    told.extend((more > 0).then(|| format!("and {more} more")));
    told
}

/// What a sandbox saw of its client, without its examples, which have drawn ids.
pub fn seen(grade: &Grade) -> String {
    let rules: Vec<_> = grade.rules.iter().map(|finding| (finding.rule, finding.count)).collect();
    format!("{} requests, {rules:?}, {:?}", grade.requests, grade.token_requests)
}

fn lines(played: &Played) -> Vec<String> {
    let without_drawn = |line: &String| {
        DRAWN.iter().fold(line.clone(), |line, (prefix, length)| without(&line, prefix, *length))
    };
    played.lines.iter().map(without_drawn).collect()
}

/// The line without the `length` characters behind each `prefix`, where they are all of a text.
fn without(line: &str, prefix: &str, length: usize) -> String {
    let mut parts = line.split(prefix);
    let mut short = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let is_drawn = part.as_bytes().get(length) == Some(&b'"');
        short += prefix;
        short += part.get(length..).filter(|_| is_drawn).unwrap_or(part);
    }
    short
}
