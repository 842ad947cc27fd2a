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

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use ureq::unversioned::transport::time::Duration;

    use super::*;

    const SECRET: &[u8] = b"a secret";

    /// Its buffers outlive it.
    #[derive(Debug, Default)]
    struct Kept {
        output: Vec<u8>,
        input: Vec<u8>,
        filled: usize,
        used: usize,
    }

    #[derive(Debug)]
    struct Connection(Kept, Arc<Mutex<Kept>>);

    impl Buffers for Kept {
        fn output(&mut self) -> &mut [u8] {
            &mut self.output
        }
        fn input(&self) -> &[u8] {
            &self.input[self.used..self.filled]
        }
        fn input_append_buf(&mut self) -> &mut [u8] {
            if self.used == self.filled {
                (self.used, self.filled) = (0, 0);
            }
            &mut self.input[self.filled..]
        }
        fn input_appended(&mut self, amount: usize) {
            self.filled += amount;
        }
        fn input_consume(&mut self, amount: usize) {
            self.used += amount;
        }
        fn tmp_and_output(&mut self) -> (&mut [u8], &mut [u8]) {
            (&mut self.input[self.filled..], &mut self.output)
        }
        fn can_use_input(&self) -> bool {
            false
        }
    }

    impl Transport for Connection {
        fn buffers(&mut self) -> &mut dyn Buffers {
            &mut self.0
        }
        fn transmit_output(&mut self, _: usize, _: NextTimeout) -> Result<(), Error> {
            Ok(())
        }
        fn await_input(&mut self, _: NextTimeout) -> Result<bool, Error> {
            self.0.input_append_buf()[..SECRET.len()].copy_from_slice(SECRET);
            self.0.input_appended(SECRET.len());
            Ok(true)
        }
        fn is_open(&mut self) -> bool {
            true
        }
    }

    impl Drop for Connection {
        fn drop(&mut self) {
            *self.1.lock().unwrap() = std::mem::take(&mut self.0);
        }
    }

    fn limit() -> NextTimeout {
        NextTimeout { after: Duration::NotHappening, reason: ureq::Timeout::Global, ..NextTimeout::default() }
    }

    #[test]
    fn nothing_of_a_request_or_an_answer_is_left() {
        let kept = Arc::<Mutex<Kept>>::default();
        let room = Kept { output: vec![0; 64], input: vec![0; 64], ..Kept::default() };
        let mut connection = Wiping::new(Box::new(Connection(room, Arc::clone(&kept))));
        let holds = |bytes: &[u8]| bytes.windows(SECRET.len()).any(|window| window == SECRET);

        let (body, output) = connection.buffers().tmp_and_output();
        body[..SECRET.len()].copy_from_slice(SECRET);
        output[..SECRET.len()].copy_from_slice(SECRET);
        connection.transmit_output(SECRET.len(), limit()).unwrap();
        let (body, output) = connection.buffers().tmp_and_output();
        assert!(!holds(body) && !holds(output), "a request");

        connection.await_input(limit()).unwrap();
        connection.buffers().input_consume(2);
        assert!(
            connection.is_open() && connection.buffers().input() == &SECRET[2..],
            "the rest is still to be read"
        );
        connection.buffers().input_consume(SECRET.len() - 2);
        assert!(connection.is_open() && !holds(connection.buffers().input_append_buf()), "an answer");

        connection.await_input(limit()).unwrap();
        drop(connection);
        assert!(!holds(&kept.lock().unwrap().input), "an answer that nobody has read");
    }
}
