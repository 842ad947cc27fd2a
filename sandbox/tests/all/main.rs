//! The sandbox's tests: the pure service in virtual time, and the server over real sockets.

mod pairing;
mod served;
mod world;
