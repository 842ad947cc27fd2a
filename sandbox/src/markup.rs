//! What a person sees of a page: its heading and its forms.

use quick_xml::Reader;
use quick_xml::escape::{resolve_predefined_entity, unescape};
use quick_xml::events::{BytesStart, Event};

/// A page, read.
#[derive(Debug, Default)]
pub(crate) struct Markup {
    /// The text of the first `h1`.
    pub(crate) heading: String,
    pub(crate) forms: Vec<Form>,
}

/// A form and what it would send besides the button.
#[derive(Debug)]
pub(crate) struct Form {
    pub(crate) action: String,
    pub(crate) is_post: bool,
    pub(crate) hidden: Vec<(String, String)>,
    /// The names of fields that a person fills in.
    pub(crate) fields: Vec<String>,
    pub(crate) buttons: Vec<Button>,
}

/// A button that submits its form.
#[derive(Debug)]
pub(crate) struct Button {
    pub(crate) name: String,
    pub(crate) value: String,
}

impl Markup {
    /// Reads a page, as far as it is well-formed, which ours are.
    pub(crate) fn read(html: &[u8]) -> Self {
        let mut markup = Self::default();
        let (mut in_heading, mut in_form) = (false, false);
        let html = String::from_utf8_lossy(html);
        let mut reader = Reader::from_str(&html);
        // Tags like `input` have no end.
        reader.config_mut().check_end_names = false;
        while let Ok(event) = reader.read_event() {
            match event {
                Event::Start(tag) | Event::Empty(tag) => match tag.name().as_ref() {
                    "h1" => in_heading = markup.heading.is_empty(),
                    "form" => {
                        in_form = true;
                        markup.forms.push(Form {
                            action: attribute(&tag, "action"),
                            is_post: attribute(&tag, "method").eq_ignore_ascii_case("post"),
                            hidden: Vec::new(),
                            fields: Vec::new(),
                            buttons: Vec::new(),
                        });
                    }
                    "input" | "button" if in_form => {
                        if let Some(form) = markup.forms.last_mut() {
                            form.add(&tag);
                        }
                    }
                    _ => {}
                },
                Event::End(tag) => match tag.name().as_ref() {
                    "h1" => in_heading = false,
                    "form" => in_form = false,
                    _ => {}
                },
                Event::Text(text) if in_heading => {
                    markup.heading.push_str(&text);
                }
                Event::GeneralRef(name) if in_heading => {
                    markup.heading.push_str(resolve_predefined_entity(&name).unwrap_or_default());
                }
                Event::Eof => break,
                _ => {}
            }
        }
        markup
    }
}

impl Form {
    fn add(&mut self, tag: &BytesStart<'_>) {
        let (name, value) = (attribute(tag, "name"), attribute(tag, "value"));
        if tag.name().as_ref() == "button" {
            self.buttons.push(Button { name, value });
        } else if attribute(tag, "type") == "hidden" {
            self.hidden.push((name, value));
        } else {
            self.fields.push(name);
        }
    }
}

fn attribute(tag: &BytesStart<'_>, name: &str) -> String {
    let mut attributes = tag.html_attributes().flatten();
    let found = attributes.find(|attribute| attribute.key.as_ref() == name);
    found.and_then(|attribute| Some(unescape(&attribute.value).ok()?.into_owned())).unwrap_or_default()
}
