//! A page that is being opened in the person's browser.

use crate::command::CommandId;
use crate::event::Event;
use crate::machine::Context;
use crate::notice::Notice;
use crate::text::harmless;
use crate::url::Url;

/// The page of which is not known yet whether it is open; none by default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct OpeningPage(Option<CommandId>);

impl OpeningPage {
    /// Has this page opened.
    pub(crate) fn open(cx: &mut Context<'_>, page: Url) -> Self {
        Self(Some(cx.open_page(page)))
    }

    /// Whether the event says what became of the page. The person is told if it is not open.
    pub(crate) fn takes(&mut self, cx: &mut Context<'_>, event: &Event) -> bool {
        match event {
            Event::PageOpened { id } if self.0 == Some(*id) => {}
            Event::PageNotOpened { id, reason } if self.0 == Some(*id) => {
                cx.show(Notice::PageNotOpened { reason: harmless(reason) });
            }
            _ => return false,
        }
        self.0 = None;
        true
    }
}
