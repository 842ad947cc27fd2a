//! Forms as browsers post them.

use std::collections::BTreeMap;

use doorkey_core::http::HttpRequest;

/// The fields of a posted form.
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    /// Reads the body; `None` if it is no form.
    pub(crate) fn of(request: &HttpRequest) -> Option<Self> {
        let content_type = request.header_value("content-type")?.split(';').next()?.trim();
        if !content_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return None;
        }
        Some(Self(form_urlencoded::parse(request.body.as_bytes()).into_owned().collect()))
    }

    /// The first field of that name; empty if there is none.
    pub(crate) fn value(&self, name: &str) -> &str {
        self.0.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value.as_str())
    }

    /// All fields, if none comes twice.
    pub(crate) fn once_each(self) -> Option<BTreeMap<String, String>> {
        let count = self.0.len();
        let fields: BTreeMap<_, _> = self.0.into_iter().collect();
        (fields.len() == count).then_some(fields)
    }
}
