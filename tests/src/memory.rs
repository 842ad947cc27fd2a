//! What is in the memory of a process, read from outside (proc(5)), as its owner's debugger or root can.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;

use data_encoding::{BASE64, BASE64URL_NOPAD};

/// So many bytes in a row that are the same are no accident.
const PIECE: usize = 16;
/// The length of a user code, which is looked for as a whole.
const SHORT: usize = 9;
/// So many bytes around a copy are shown, to tell whose it is.
const AROUND: usize = 96;

/// Everything in the memory of a process that it may write to: all that it has made since it was started.
pub struct Memory(Vec<(String, Vec<u8>)>);

/// A copy of a secret, or of a part of it.
#[derive(Clone, Debug)]
pub struct Copy {
    /// Of which.
    pub secret: String,
    /// As which it was found: `plain`, `base64` or `bits`.
    pub form: &'static str,
    /// Where: `[heap]`, `[stack]`, or the address of a nameless mapping.
    pub place: String,
    /// What stands around it, every byte that cannot be shown as a dot.
    pub around: String,
}

impl Memory {
    /// All of it at this moment, which the process spends waiting.
    ///
    /// # Panics
    /// If the process is gone or not ours to look into.
    pub fn of(pid: u32) -> Self {
        let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
        let memory = File::open(format!("/proc/{pid}/mem")).unwrap();
        let regions = maps.lines().filter_map(|line| {
            let mut fields = line.split_ascii_whitespace();
            let (range, mode) = (fields.next()?, fields.next()?);
            let name = fields.nth(3).unwrap_or(range).to_owned();
            let (from, to) = range.split_once('-')?;
            let (from, to) = (u64::from_str_radix(from, 16).ok()?, u64::from_str_radix(to, 16).ok()?);
            let mut bytes = vec![0; usize::try_from(to - from).ok()?];
            // Guard pages and what the kernel keeps to itself cannot be read.
            (mode.starts_with("rw") && memory.read_exact_at(&mut bytes, from).is_ok())
                .then_some((name, bytes))
        });
        Self(regions.collect())
    }

    /// Every copy of these secrets: as they are, in base64 whatever stands before it, and, of a text that is base64
    /// itself, its bits. A part of [`PIECE`] bytes counts, since whoever frees memory writes over its first bytes only.
    pub fn copies(&self, secrets: &BTreeSet<String>) -> Vec<Copy> {
        let forms: Vec<Form<'_>> = secrets.iter().flat_map(|secret| forms_of(secret)).collect();
        let mut pieces: BTreeMap<&[u8], (usize, usize)> = BTreeMap::new();
        let mut begins = vec![false; 1 << 16];
        for (number, form) in forms.iter().enumerate() {
            for (at, piece) in pieces_of(&form.bytes) {
                begins[pair(piece)] = true;
                pieces.insert(piece, (number, at));
            }
        }
        // By where the whole would begin, so that a copy with several of its parts counts once.
        let mut found = BTreeSet::new();
        for (region, (_, bytes)) in self.0.iter().enumerate() {
            for at in 0..bytes.len().saturating_sub(1) {
                if !begins[pair(&bytes[at..])] {
                    continue;
                }
                for length in [PIECE, SHORT] {
                    let piece = bytes.get(at..at + length).and_then(|piece| pieces.get(piece));
                    found.extend(piece.map(|(form, before)| (region, at.wrapping_sub(*before), *form)));
                }
            }
        }
        found.into_iter().map(|(region, begin, form)| self.copy(region, begin, &forms[form])).collect()
    }

    fn copy(&self, region: usize, begin: usize, form: &Form<'_>) -> Copy {
        let (place, bytes) = &self.0[region];
        let around =
            begin.saturating_sub(AROUND)..bytes.len().min(begin.wrapping_add(form.bytes.len() + AROUND));
        let around = bytes.get(around).unwrap_or_default().iter();
        let shown = around.map(|byte| if (b' '..=b'~').contains(byte) { char::from(*byte) } else { '·' });
        Copy {
            secret: form.secret.to_owned(),
            form: form.name,
            place: place.clone(),
            around: shown.collect(),
        }
    }
}

/// How a secret may lie in memory.
struct Form<'a> {
    secret: &'a str,
    name: &'static str,
    bytes: Vec<u8>,
}

fn forms_of(secret: &str) -> Vec<Form<'_>> {
    let form = |name, bytes: &[u8]| Form { secret, name, bytes: bytes.to_vec() };
    let mut forms = vec![form("plain", secret.as_bytes())];
    if secret.len() <= PIECE {
        return forms;
    }
    for before in 0..3 {
        let whole = BASE64.encode(&[&[0; 2][..before], secret.as_bytes()].concat());
        // What depends on the neighbours is left out.
        forms.push(form("base64", &whole.as_bytes()[4 * before.min(1)..whole.len() - 4]));
    }
    forms.extend(BASE64URL_NOPAD.decode(secret.as_bytes()).ok().map(|bits| form("bits", &bits)));
    forms
}

/// Where in the whole a piece stands, and the piece: the end always, and what comes before it in steps.
fn pieces_of(whole: &[u8]) -> Vec<(usize, &[u8])> {
    let last = whole.len().saturating_sub(PIECE);
    let all = (0..last).step_by(PIECE / 2).chain([last]);
    all.map(|at| (at, &whole[at..whole.len().min(at + PIECE)])).collect()
}

/// The first two bytes as a number.
fn pair(bytes: &[u8]) -> usize {
    usize::from(bytes[0]) << 8 | usize::from(bytes[1])
}
