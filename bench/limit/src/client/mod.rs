//! Load that costs the client little: batches made once, several requests on their way, answers taken apart no further than needed.

mod admin;
pub mod consume;
mod fetcher;
mod group;
pub mod produce;
mod producer;

use std::net::{SocketAddr, TcpStream};

fn connect(address: SocketAddr) -> Result<TcpStream, String> {
    let text = |cause| format!("Cannot connect to {address}: {cause}");
    let socket = TcpStream::connect(address).map_err(text)?;
    socket.set_nodelay(true).map_err(text)?;
    socket.set_nonblocking(true).map_err(text)?;
    Ok(socket)
}

fn failed(cause: std::io::Error) -> String {
    format!("The loop has ended: {cause}")
}
