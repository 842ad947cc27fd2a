//! What a person sees of a page: its heading and its forms.

use html5gum::{StartTag, Token, Tokenizer};

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
    pub(crate) buttons: Vec<Button>,
}

/// A button that submits its form.
#[derive(Debug)]
pub(crate) struct Button {
    pub(crate) name: String,
    pub(crate) value: String,
}

impl Markup {
    /// Reads a page. What is no HTML has no heading and no forms.
    pub(crate) fn read(html: &[u8]) -> Self {
        let mut markup = Self::default();
        let (mut in_heading, mut in_form) = (false, false);
        // Reading from memory cannot fail.
        for token in Tokenizer::new(html).flatten() {
            match token {
                Token::StartTag(tag) => match tag.name.as_slice() {
                    b"h1" => in_heading = markup.heading.is_empty(),
                    b"form" => {
                        in_form = true;
                        markup.forms.push(Form {
                            action: attribute(&tag, b"action"),
                            is_post: attribute(&tag, b"method").eq_ignore_ascii_case("post"),
                            hidden: Vec::new(),
                            buttons: Vec::new(),
                        });
                    }
                    b"input" | b"button" if in_form => {
                        if let Some(form) = markup.forms.last_mut() {
                            form.add(&tag);
                        }
                    }
                    _ => {}
                },
                Token::EndTag(tag) => match tag.name.as_slice() {
                    b"h1" => in_heading = false,
                    b"form" => in_form = false,
                    _ => {}
                },
                Token::String(text) if in_heading => {
                    markup.heading.push_str(&String::from_utf8_lossy(&text.value));
                }
                _ => {}
            }
        }
        markup
    }
}

impl Form {
    fn add(&mut self, tag: &StartTag<()>) {
        let (name, value) = (attribute(tag, b"name"), attribute(tag, b"value"));
        if tag.name.as_slice() == b"button" {
            self.buttons.push(Button { name, value });
        } else if attribute(tag, b"type") == "hidden" {
            self.hidden.push((name, value));
        }
    }
}

fn attribute(tag: &StartTag<()>, name: &[u8]) -> String {
    tag.attributes
        .get(name)
        .map(|value| String::from_utf8_lossy(&value.value).into_owned())
        .unwrap_or_default()
}
