//! Wipes what ureq leaves of requests and answers in the buffers of a connection.

use ureq::Error;
use ureq::unversioned::transport::{Buffers, NextTimeout, Transport};
use zeroize::Zeroize as _;

/// A connection as ureq makes it. Nothing of a request is left in it once that is sent, and nothing of an answer once it
/// is used again or closed.
#[derive(Debug)]
pub(crate) struct Wiping {
    connection: Box<dyn Transport>,
    /// So many bytes at the beginning of its buffer for input may have been written to.
    filled: usize,
}

impl Wiping {
    pub(crate) fn new(connection: Box<dyn Transport>) -> Self {
        Self { connection, filled: 0 }
    }

    /// Wipes the answer if all of it was taken: the buffer begins anew then.
    fn wipe_input(&mut self) {
        let buffers = self.connection.buffers();
        if self.filled > 0 && buffers.input().is_empty() {
            wipe(buffers.input_append_buf(), self.filled);
            self.filled = 0;
        }
    }
}

impl Transport for Wiping {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.connection.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        let sent = self.connection.transmit_output(amount, timeout);
        // A body goes through the room for input on its way.
        let (room, output) = self.connection.buffers().tmp_and_output();
        wipe(room, amount);
        wipe(output, amount);
        sent
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.wipe_input();
        let before = self.connection.buffers().input().len();
        let came = self.connection.await_input(timeout);
        self.filled += self.connection.buffers().input().len() - before;
        came
    }

    fn is_open(&mut self) -> bool {
        self.wipe_input();
        self.connection.is_open()
    }

    fn is_tls(&self) -> bool {
        self.connection.is_tls()
    }
}

impl Drop for Wiping {
    fn drop(&mut self) {
        let buffers = self.connection.buffers();
        let unused = buffers.input().len();
        buffers.input_consume(unused);
        self.wipe_input();
    }
}

fn wipe(bytes: &mut [u8], amount: usize) {
    let amount = amount.min(bytes.len());
    bytes[..amount].zeroize();
}
