//! Who exists in the sandbox: two accounts, one with a single workspace and one with three.

/// What a terminal's key may do.
pub const SCOPES: [&str; 6] =
    ["scans:read", "scans:write", "targets:read", "targets:write", "reports:read", "usage:read"];

/// Everyone who can sign in.
pub const ACCOUNTS: [Account; 2] = [
    Account { id: "user_solo", email: "solo@pentify.sandbox", name: "Solo", workspaces: &[ACME] },
    Account {
        id: "user_multi",
        email: "multi@pentify.sandbox",
        name: "Multi",
        workspaces: &[ACME, BLUE_TEAM, CLIENT_LABS],
    },
];

const ACME: Workspace = Workspace { id: "ws_acme", name: "Acme", slug: "acme", balance: 1_200 };
const BLUE_TEAM: Workspace =
    Workspace { id: "ws_blue_team", name: "Blue Team", slug: "blue-team", balance: 300 };
const CLIENT_LABS: Workspace =
    Workspace { id: "ws_client_labs", name: "Client Labs", slug: "client-labs", balance: 75 };

/// Somebody who can sign in. There are no passwords: it is a sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// The service's id.
    pub id: &'static str,
    /// Names the account everywhere.
    pub email: &'static str,
    /// Shown to people.
    pub name: &'static str,
    /// The workspaces it is a member of; never empty.
    pub workspaces: &'static [Workspace],
}

impl Account {
    /// The account of that address.
    pub fn find(email: &str) -> Option<&'static Self> {
        ACCOUNTS.iter().find(|account| account.email == email)
    }

    /// The workspace of that slug, or else of exactly that name, if the account is a member of it.
    pub fn workspace(&self, slug_or_name: &str) -> Option<&'static Workspace> {
        let by_slug = self.workspaces.iter().find(|workspace| workspace.slug == slug_or_name);
        by_slug.or_else(|| self.workspaces.iter().find(|workspace| workspace.name == slug_or_name))
    }
}

/// A workspace of the sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Workspace {
    /// The service's id.
    pub id: &'static str,
    /// The name that people gave it.
    pub name: &'static str,
    /// The short name, unique within the service.
    pub slug: &'static str,
    /// What `/v1/usage` reports as the balance, in tokens.
    pub balance: u32,
}
