//! Whether a workspace can pay for inference, and what to do if it cannot.

use alloc::format;

use serde_json::Value;

use crate::money::Money;
use crate::service::Service;
use crate::url::Url;
use crate::workspace_answers::named_page;

/// Less than this is low.
const LOW: Money = Money::from_dollars(1);

/// The state of a workspace's credits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Billing {
    /// The credits, if the service said so.
    pub balance: Option<Money>,
    /// Whether there is a payment method.
    pub has_payment_method: bool,
    /// Whether inference can be paid for now: billing is set up, and the category is switched on.
    pub ready: bool,
    /// What the person should do.
    pub advice: Advice,
}

/// What to do about a workspace's credits. The pages are the service's own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Advice {
    /// Nothing.
    None,
    /// Billing is not configured: a payment method, credits, and the Apex Inference switch.
    SetUp {
        /// Where.
        page: Url,
    },
    /// The balance is low; $30 are recommended, or auto-reload.
    TopUp {
        /// Where.
        page: Url,
    },
    /// There are credits, but inference is switched off.
    SwitchOn {
        /// Where.
        page: Url,
    },
}

impl Advice {
    /// Where to do it.
    pub fn page(&self) -> Option<&Url> {
        match self {
            Self::None => None,
            Self::SetUp { page } | Self::TopUp { page } | Self::SwitchOn { page } => Some(page),
        }
    }
}

impl Billing {
    /// Reads the answer to a selection; `balance` is what the list of workspaces said.
    pub(crate) fn read(
        service: &Service,
        console: &Url,
        body: &Value,
        slug: &str,
        balance: Option<Money>,
    ) -> Self {
        let billing = body.get("billing").unwrap_or(&Value::Null);
        let flag =
            |key: &str, otherwise: bool| billing.get(key).and_then(Value::as_bool).unwrap_or(otherwise);
        let page = body.get("billingUrl").and_then(Value::as_str).and_then(|url| named_page(service, url));
        let balance = billing.get("balance").and_then(Money::from_json).or(balance);
        let (ready, has_payment_method) = (flag("ready", true), flag("hasPaymentMethod", false));
        Self { balance, has_payment_method, ready, advice: advise(console, slug, ready, balance, page) }
    }

    /// The same from a balance alone.
    pub(crate) fn of_balance(console: &Url, slug: &str, balance: Money) -> Self {
        let balance = Some(balance);
        let advice = advise(console, slug, true, balance, None);
        Self { balance, has_payment_method: false, ready: true, advice }
    }
}

fn advise(console: &Url, slug: &str, ready: bool, balance: Option<Money>, page: Option<Url>) -> Advice {
    // A slug is the server's text, and stands in a path here.
    let fits = !slug.is_empty() && slug.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    let settings = |name: &str| match fits {
        true => console.join(&format!("/{slug}/settings/{name}")),
        false => console.join("/credits"),
    };
    let is_empty = balance.is_some_and(|balance| balance <= Money::default());
    match page {
        Some(page) if !ready && is_empty => Advice::SetUp { page },
        _ if balance.is_some_and(|balance| balance < LOW) => Advice::TopUp { page: settings("billing") },
        _ if !ready => Advice::SwitchOn { page: settings("usage") },
        _ => Advice::None,
    }
}
