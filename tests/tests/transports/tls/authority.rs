//! A private authority and the certificates it signs.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use super::FOLDER;

pub struct Authority {
    params: CertificateParams,
    key: KeyPair,
}

/// For what a server shows a certificate.
pub enum Shown<'a> {
    /// Signed by the authority for this name or address.
    For(&'a str),
    /// The same, long ago.
    Expired(&'a str),
    /// The same, for times to come.
    NotYet(&'a str),
    /// Signed by nobody else.
    SelfSigned(&'a str),
    /// Signed by an authority of the same name that nobody trusts.
    OfAnother(&'a str),
}

impl Authority {
    /// Lays an authority's certificate and key into `folder`.
    pub fn found(folder: &Path) {
        let authority = Self::with_key(KeyPair::generate().unwrap());
        let certificate = authority.params.self_signed(&authority.key).unwrap();
        fs::write(Self::certificate_in(folder), certificate.pem()).unwrap();
        fs::write(folder.join("key.pem"), authority.key.serialize_pem()).unwrap();
    }

    pub fn certificate_in(folder: &Path) -> PathBuf {
        folder.join("authority.pem")
    }

    /// The authority that the environment names.
    fn here() -> Self {
        let folder = PathBuf::from(std::env::var_os(FOLDER).expect("run by tls::with_a_private_authority"));
        Self::with_key(KeyPair::from_pem(&fs::read_to_string(folder.join("key.pem")).unwrap()).unwrap())
    }

    fn with_key(key: KeyPair) -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.distinguished_name.push(DnType::CommonName, "An authority of tests");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self { params, key }
    }
}

impl Shown<'_> {
    /// What a server needs to show it.
    pub fn config(&self) -> Arc<ServerConfig> {
        let (Self::For(name)
        | Self::Expired(name)
        | Self::NotYet(name)
        | Self::SelfSigned(name)
        | Self::OfAnother(name)) = self;
        let mut params = CertificateParams::new([(*name).to_owned()]).unwrap();
        match self {
            Self::Expired(_) => params.not_after = date_time_ymd(2001, 1, 1),
            Self::NotYet(_) => params.not_before = date_time_ymd(2900, 1, 1),
            Self::For(_) | Self::SelfSigned(_) | Self::OfAnother(_) => {}
        }
        let key = KeyPair::generate().unwrap();
        let certificate = match self {
            Self::SelfSigned(_) => params.self_signed(&key),
            Self::OfAnother(_) => {
                let another = Authority::with_key(KeyPair::generate().unwrap());
                params.signed_by(&key, &Issuer::from_params(&another.params, &another.key))
            }
            _ => {
                let authority = Authority::here();
                params.signed_by(&key, &Issuer::from_params(&authority.params, &authority.key))
            }
        };
        let chain = vec![certificate.unwrap().der().clone()];
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        Arc::new(builder.unwrap().with_no_client_auth().with_single_cert(chain, key).unwrap())
    }
}
