//! The rules for API tokens, one for each workspace.

use doorkey_core::record::{Generation, Record, Slot, Version, Workspace};
use doorkey_core::secret::Secret;

use super::{Rule, conflict, done, ensure, expect_load, told};
use crate::credential_store::{CredentialStore, Swap};

/// Far longer than any credential that is known to exist.
const LONG: usize = 60_000;

pub(super) const RULES: [(&str, Rule); 9] = [
    ("an empty slot loads as nothing", empty),
    ("what is written is read back, from another handle too", read_back),
    ("a write happens only over what it expects", write_conflicts),
    ("a delete happens only of what it expects", delete_conflicts),
    ("everything is loaded in the order of the slots", order),
    ("a bare token is kept as it is, and counted by fingerprint", bare_tokens),
    ("the active slot follows the last write of it", active),
    ("a value of 60,000 bytes is kept whole", long_values),
    ("any slug is a good slug", slugs),
];

fn empty(store: &dyn CredentialStore) -> Result<(), String> {
    done("probe", store.probe().map(|()| Swap::Done))?;
    expect_load(store, &Slot::Active, None)?;
    expect_load(store, &workspace("nothing"), None)?;
    let all = store.load_all().map_err(told("load_all"))?;
    ensure(all.is_empty(), || format!("load_all found {} records", all.len()))?;
    done("delete of nothing", store.delete(&workspace("nothing"), &record("nothing", 1).version()))
}

fn read_back(store: &dyn CredentialStore) -> Result<(), String> {
    let (first, second) = (record("acme", 1), record("acme", 2));
    done("write", store.write(&workspace("acme"), None, &first))?;
    expect_load(store, &workspace("acme"), Some(&first))?;
    done("overwrite", store.write(&workspace("acme"), Some(&first.version()), &second))?;
    expect_load(store, &workspace("acme"), Some(&second))?;
    expect_load(store, &workspace("other"), None)
}

fn write_conflicts(store: &dyn CredentialStore) -> Result<(), String> {
    let slot = workspace("acme");
    let (old, now, new) = (record("acme", 1), record("acme", 2), record("acme", 3));
    conflict("write expecting what is not there", store.write(&slot, Some(&old.version()), &now))?;
    expect_load(store, &slot, None)?;
    done("write", store.write(&slot, None, &now))?;
    conflict("write expecting nothing", store.write(&slot, None, &new))?;
    conflict("write expecting an older version", store.write(&slot, Some(&old.version()), &new))?;
    let fingerprint = Version::Fingerprint(now.token.fingerprint());
    conflict("write expecting the fingerprint of a record", store.write(&slot, Some(&fingerprint), &new))?;
    expect_load(store, &slot, Some(&now))
}

fn delete_conflicts(store: &dyn CredentialStore) -> Result<(), String> {
    let slot = workspace("acme");
    let (old, now) = (record("acme", 1), record("acme", 2));
    done("write", store.write(&slot, None, &now))?;
    conflict("delete expecting an older version", store.delete(&slot, &old.version()))?;
    expect_load(store, &slot, Some(&now))?;
    done("delete", store.delete(&slot, &now.version()))?;
    expect_load(store, &slot, None)?;
    done("second delete", store.delete(&slot, &now.version()))?;
    done("write after delete", store.write(&slot, None, &old))
}

fn order(store: &dyn CredentialStore) -> Result<(), String> {
    for slug in ["zeta", "alpha", "mid"] {
        done("write", store.write(&workspace(slug), None, &record(slug, 1)))?;
    }
    done("write of the active slot", store.write(&Slot::Active, None, &record("mid", 1)))?;
    let found: Vec<Slot> =
        store.load_all().map_err(told("load_all"))?.into_iter().map(|(slot, _)| slot).collect();
    let expected = [Slot::Active, workspace("alpha"), workspace("mid"), workspace("zeta")];
    ensure(found == expected, || format!("load_all gave {found:?}"))
}

fn bare_tokens(store: &dyn CredentialStore) -> Result<(), String> {
    let slot = workspace("acme");
    let bare = bare("pt_live_bare");
    done("write", store.write(&slot, None, &bare))?;
    expect_load(store, &slot, Some(&bare))?;
    let other = Version::Fingerprint(Secret::from("pt_live_other").fingerprint());
    conflict("write expecting another fingerprint", store.write(&slot, Some(&other), &record("acme", 1)))?;
    done("write over a bare token", store.write(&slot, Some(&bare.version()), &record("acme", 1)))?;
    expect_load(store, &slot, Some(&record("acme", 1)))
}

fn active(store: &dyn CredentialStore) -> Result<(), String> {
    let (one, two) = (record("one", 1), record("two", 2));
    done("write", store.write(&workspace("one"), None, &one))?;
    done("write", store.write(&workspace("two"), None, &two))?;
    expect_load(store, &Slot::Active, None)?;
    done("activation of one", store.write(&Slot::Active, None, &one))?;
    expect_load(store, &Slot::Active, Some(&one))?;
    conflict("activation expecting nothing", store.write(&Slot::Active, None, &two))?;
    done("activation of two", store.write(&Slot::Active, Some(&one.version()), &two))?;
    expect_load(store, &Slot::Active, Some(&two))?;
    conflict("deactivation of one", store.delete(&Slot::Active, &one.version()))?;
    done("deactivation of two", store.delete(&Slot::Active, &two.version()))?;
    expect_load(store, &Slot::Active, None)?;
    expect_load(store, &workspace("two"), Some(&two))?;
    expect_load(store, &workspace("one"), Some(&one))
}

fn long_values(store: &dyn CredentialStore) -> Result<(), String> {
    let mut long = record("long", 1);
    long.token = Secret::new(format!("pt_live_{}", "x".repeat(LONG)));
    done("write", store.write(&workspace("long"), None, &long))?;
    expect_load(store, &workspace("long"), Some(&long))
}

fn slugs(store: &dyn CredentialStore) -> Result<(), String> {
    let slugs = ["", "ärger-und-日本", "a:b", "with \"quotes\" and \\", "../up", "🦀", "A", "a"];
    for slug in slugs {
        done("write", store.write(&workspace(slug), None, &record(slug, 1)))?;
    }
    slugs.iter().try_for_each(|slug| expect_load(store, &workspace(slug), Some(&record(slug, 1))))
}

pub(super) fn workspace(slug: &str) -> Slot {
    Slot::Workspace(slug.to_owned())
}

fn record(slug: &str, counter: u64) -> Record {
    Record {
        generation: Some(Generation { login: "0123456789abcdef".into(), counter }),
        issuer: Some("https://api.example".into()),
        workspace: Some(Workspace { id: None, name: Some(slug.to_owned()), slug: slug.to_owned() }.into()),
        ..Record::bare(Secret::new(format!("pt_live_{counter}")))
    }
}

/// A writer's record.
pub(super) fn contended(counter: u64, writer: usize) -> Record {
    Record { token: Secret::new(format!("pt_live_{counter}_{writer}")), ..record("contended", counter) }
}

fn bare(token: &str) -> Record {
    Record::bare(Secret::from(token))
}
