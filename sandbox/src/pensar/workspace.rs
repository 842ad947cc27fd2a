//! Workspaces and what is paid from them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::account::{LOW, MULTI, OFF, SOLO, UNPAID};
use super::money::Money;
use crate::digest::Digest;

/// What one press of the button buys; what people are advised to buy.
pub(crate) const TOP_UP: Money = Money::cents(3_000);

/// A workspace; the state knows it by its slug.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Workspace {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) slug: String,
    /// The addresses of those who may use it.
    pub(crate) members: Vec<String>,
    pub(crate) balance: Money,
    pub(crate) has_payment_method: bool,
    /// The switch of the usage page: whether Apex may spend the balance.
    pub(crate) inference: bool,
    /// What inference has cost so far.
    pub(crate) spent: Money,
}

impl Workspace {
    /// Those that are there from the start.
    pub(crate) fn first_ones() -> BTreeMap<String, Self> {
        let workspace = |slug: &str, name: &str, members: &[&str], cents| Self {
            id: format!("wks_{}", slug.replace('-', "_")),
            name: name.to_owned(),
            slug: slug.to_owned(),
            members: members.iter().copied().map(str::to_owned).collect(),
            balance: Money::cents(cents),
            has_payment_method: true,
            inference: true,
            spent: Money::ZERO,
        };
        let all = [
            workspace("acme", "Acme", &[SOLO, MULTI], 4_200),
            workspace("blue-team", "Blue Team", &[MULTI], 750),
            workspace("client-labs", "Client Labs", &[MULTI], 25),
            workspace("frugal", "Frugal", &[LOW], 40),
            Self { has_payment_method: false, ..workspace("fresh-start", "Fresh Start", &[UNPAID], 0) },
            Self { inference: false, ..workspace("quiet", "Quiet", &[OFF], 2_500) },
        ];
        all.into_iter().map(|workspace| (workspace.slug.clone(), workspace)).collect()
    }

    /// A new one: nothing is paid yet. Its slug is the name's, with a number if others have that.
    pub(crate) fn new(name: &str, owner: &str, id: Digest, others: &BTreeMap<String, Self>) -> Option<Self> {
        let slug = slug_of(name);
        if slug.is_empty() {
            return None;
        }
        let mut numbered = (2..).map(|number: u32| format!("{slug}-{number}"));
        let free = |slug: &String| !others.contains_key(slug);
        let slug = if free(&slug) { slug } else { numbered.find(free)? };
        Some(Self {
            id: format!("wks_{}", id.short()),
            name: name.to_owned(),
            slug,
            members: vec![owner.to_owned()],
            balance: Money::ZERO,
            has_payment_method: false,
            inference: true,
            spent: Money::ZERO,
        })
    }

    pub(crate) fn has_member(&self, email: &str) -> bool {
        self.members.iter().any(|member| member == email)
    }

    /// Whether inference can be paid for right now.
    pub(crate) fn is_ready(&self) -> bool {
        self.inference && self.balance > Money::ZERO
    }

    /// The path of its billing page.
    pub(crate) fn billing_path(&self) -> String {
        format!("/{}/settings/billing", self.slug)
    }

    /// The path of its usage page.
    pub(crate) fn usage_path(&self) -> String {
        format!("/{}/settings/usage", self.slug)
    }

    /// As it stands in a list.
    pub(super) fn listed(&self) -> Value {
        json!({
            "id": self.id,
            "name": self.name,
            "slug": self.slug,
            "balance": self.balance.dollars(),
            "hasPaymentMethod": self.has_payment_method,
        })
    }

    /// What names it.
    pub(super) fn named(&self) -> Value {
        json!({"id": self.id, "name": self.name, "slug": self.slug})
    }
}

/// A name in lower-case letters, digits and hyphens.
fn slug_of(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    let words = lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_slugs_of_their_own() {
        let mut all = Workspace::first_ones();
        for (name, slug) in [
            ("Night Shift", Some("night-shift")),
            ("  Night -- Shift! ", Some("night-shift-2")),
            ("night shift", Some("night-shift-3")),
            ("Acme", Some("acme-2")),
            ("<b>", Some("b")),
            ("ノート", None),
            ("", None),
        ] {
            let new = Workspace::new(name, SOLO, Digest::of(name), &all);
            assert_eq!(new.as_ref().map(|new| new.slug.as_str()), slug, "{name}");
            all.extend(new.map(|new| (new.slug.clone(), new)));
        }
    }
}
