//! In the place of the asynchronous driver's connection: one whose server has said all that it will ever say.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use doorkey_core::http::{FailureKind, RequestFailure};
use futures_lite::{AsyncRead, AsyncWrite};

/// What is read comes in pieces of at most this many bytes.
pub struct Connection {
    answer: Vec<u8>,
    read: usize,
    piece: usize,
}

impl Connection {
    /// One that says this.
    pub fn saying(answer: &[u8], piece: usize) -> Self {
        Self { answer: answer.to_vec(), read: 0, piece }
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, to: &mut [u8]) -> Poll<io::Result<usize>> {
        let length = self.piece.min(self.answer.len() - self.read).min(to.len());
        to[..length].copy_from_slice(&self.answer[self.read..self.read + length]);
        self.read += length;
        Poll::Ready(Ok(length))
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(from.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

pub fn not_sent(cause: impl ToString) -> RequestFailure {
    RequestFailure { kind: FailureKind::NotSent, detail: cause.to_string() }
}
