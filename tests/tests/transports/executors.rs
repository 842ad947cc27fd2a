//! The asynchronous transport under executors that know nothing of it.

use doorkey_async::Transport;

use crate::LIMIT;
use crate::client::{Client, Kind, get};
use crate::server::{answering, ok};

async fn twice() {
    let server = answering(ok("hi"));
    let Client::Async(transport) = Kind::Async.client() else { unreachable!() };
    for _ in 0..2 {
        assert_eq!(transport.send(get(&server.url()), LIMIT).await.unwrap().status, 200);
    }
}

#[test]
fn under_tokio_with_one_thread_and_no_reactor() {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(twice());
}

#[test]
fn under_smol() {
    smol::block_on(twice());
}

#[test]
fn under_futures_lite() {
    futures_lite::future::block_on(twice());
}
