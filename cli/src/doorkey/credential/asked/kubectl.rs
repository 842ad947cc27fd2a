//! What kubectl says of itself to a credential plugin
//! (<https://kubernetes.io/docs/reference/config-api/client-authentication.v1/>).

use doorkey_core::failure::{Exit, Failure};
use doorkey_core::text::harmless;
use doorkey_core::url::{Origin, Url};
use serde::Deserialize;

/// The variable that it stands in.
pub const INFO: &str = "KUBERNETES_EXEC_INFO";
/// The versions of the answer, which are alike in all that matters here. The first is written where nobody says which.
const VERSIONS: [&str; 2] = ["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"];

/// A question.
#[derive(Debug)]
pub struct Asked {
    /// The version that the answer must have.
    pub version: &'static str,
    /// The cluster, with `provideClusterInfo`.
    pub cluster: Option<Origin>,
}

impl Asked {
    /// Reads the variable's value, if there is one.
    ///
    /// # Errors
    /// It is no question of kubectl's, or one of another version.
    pub fn read(info: Option<&str>) -> Result<Self, Failure> {
        let Some(info) = info else { return Ok(Self { version: VERSIONS[0], cluster: None }) };
        let info: Info =
            serde_json::from_str(info).map_err(|_| bad_request(format!("{INFO} cannot be read")))?;
        let version = VERSIONS
            .into_iter()
            .find(|version| *version == info.api_version)
            .ok_or_else(|| bad_request(format!("{:?} is not known here", harmless(&info.api_version))))?;
        let origin = |cluster: Cluster| {
            let url = Url::parse(&cluster.server);
            let url = url.map_err(|e| bad_request(format!("the cluster's address cannot be used: {e}")))?;
            Ok(url.origin().clone())
        };
        Ok(Self { version, cluster: info.spec.cluster.map(origin).transpose()? })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Info {
    api_version: String,
    #[serde(default)]
    spec: Spec,
}

#[derive(Default, Deserialize)]
struct Spec {
    /// With `provideClusterInfo`.
    cluster: Option<Cluster>,
}

#[derive(Deserialize)]
struct Cluster {
    server: String,
}

fn bad_request(what: String) -> Failure {
    Failure::new(Exit::Usage, "bad_request", what)
        .next("have kubectl run this command, with client.authentication.k8s.io/v1")
}
