//! Workspaces and what is paid from them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::account::{LOW, MULTI, OFF, SOLO, UNPAID};
use super::money::Money;

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
