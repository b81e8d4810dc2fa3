//! The floor: receives a frame, checks its CRC, writes it, answers; and sends files to sockets. Nothing is allocated for a
//! request.
//!
//! One request at a time for each connection. A fetch that finds nothing holds its connection, and lies in its buffer until something
//! is appended.

mod groups;
mod outgoing;
mod requests;
mod store;

use crate::crc32c;
use crate::incoming::{Incoming, Received};
use crate::options::Options;
use crate::system::{now, set_congestion, Event, Poll, READABLE, WRITABLE};
use outgoing::Outgoing;
use requests::{Asked, Outcome, Server};
use std::io::{ErrorKind, Result};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use store::Store;

/// Reads of one connection before the others have their turn.
const READS_MAX: usize = 8;
const LISTENER: usize = usize::MAX;

struct Connection {
    socket: TcpStream,
    incoming: Incoming,
    outgoing: Outgoing,
    parked_until: Option<u64>,
    /// The socket takes no more: nothing is read until it does.
    is_blocked: bool,
}

pub fn serve(options: &Options) -> std::result::Result<(), String> {
    let port = options.get("port", 9092u16)?;
    let folder = options.required("data")?;
    let maps = match options.text("read").unwrap_or("sendfile") {
        "sendfile" => false,
        "mmap" => true,
        other => return Err(format!("Invalid value \"{other}\" for --read: must be sendfile or mmap")),
    };
    let congestion = options.text("congestion");
    options.refuse_others()?;
    let store = Store::new(folder, maps).map_err(|cause| format!("Cannot use the folder \"{folder}\": {cause}"))?;
    let listener = TcpListener::bind(("127.0.0.1", port)).map_err(|cause| format!("Cannot listen on port {port}: {cause}"))?;
    if let Some(name) = congestion {
        set_congestion(listener.as_raw_fd(), name).map_err(|cause| format!("Cannot use the congestion control \"{name}\": {cause}"))?;
    }
    let port = listener.local_addr().map_err(|cause| cause.to_string())?.port();
    println!("limit: port={port} crc32c={}", crc32c::name());
    run(&listener, Server { store, port, has_appended: false, last_producer_id: 0 }).map_err(|cause| format!("The loop has ended: {cause}"))
}

fn run(listener: &TcpListener, mut server: Server) -> Result<()> {
    let poll = Poll::new()?;
    listener.set_nonblocking(true)?;
    poll.add(listener.as_raw_fd(), READABLE, LISTENER)?;
    let mut connections: Vec<Option<Connection>> = Vec::new();
    let mut events = [Event { kinds: 0, token: 0 }; 256];
    loop {
        let next = connections.iter().flatten().filter_map(|connection| connection.parked_until).min();
        let timeout_ms = next.map_or(-1, |until| (until.saturating_sub(now()) / 1_000_000) as i32 + 1);
        for event in poll.wait(&mut events, timeout_ms)? {
            if event.token as usize == LISTENER {
                accept(listener, &poll, &mut connections)?;
                continue;
            }
            let slot = event.token as usize;
            let Some(connection) = &mut connections[slot] else { continue };
            if !connection.advance(&mut server, &poll, slot).unwrap_or(false) {
                connections[slot] = None;
            }
        }
        let has_appended = std::mem::take(&mut server.has_appended);
        for slot in 0..connections.len() {
            let Some(connection) = &mut connections[slot] else { continue };
            if connection.parked_until.is_some_and(|until| has_appended || until <= now())
                && !connection.answer_and_send(&mut server, &poll, slot).unwrap_or(false)
            {
                connections[slot] = None;
            }
        }
    }
}

fn accept(listener: &TcpListener, poll: &Poll, connections: &mut Vec<Option<Connection>>) -> Result<()> {
    loop {
        let socket = match listener.accept() {
            Ok((socket, _)) => socket,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        };
        socket.set_nonblocking(true)?;
        socket.set_nodelay(true)?;
        let slot = connections.iter().position(Option::is_none).unwrap_or_else(|| {
            connections.push(None);
            connections.len() - 1
        });
        poll.add(socket.as_raw_fd(), READABLE, slot)?;
        let (incoming, outgoing) = (Incoming::new(), Outgoing::new());
        connections[slot] = Some(Connection { socket, incoming, outgoing, parked_until: None, is_blocked: false });
    }
}

impl Connection {
    /// False when the connection is over.
    fn advance(&mut self, server: &mut Server, poll: &Poll, slot: usize) -> Result<bool> {
        if self.is_blocked {
            return self.answer_and_send(server, poll, slot);
        }
        for _ in 0..READS_MAX {
            let received = self.incoming.receive(&self.socket)?;
            if matches!(received, Received::Closed) || self.incoming.is_too_large() {
                return Ok(false);
            }
            if self.parked_until.is_none() && !self.answer_and_send(server, poll, slot)? {
                return Ok(false);
            }
            if self.is_blocked || self.parked_until.is_some() || matches!(received, Received::Some) {
                break;
            }
        }
        Ok(true)
    }

    /// Answers the requests that are here, as long as the socket takes the answers.
    fn answer_and_send(&mut self, server: &mut Server, poll: &Poll, slot: usize) -> Result<bool> {
        loop {
            if !self.outgoing.is_empty() && !self.outgoing.send(&self.socket, &server.store)? {
                return self.block(true, poll, slot);
            }
            if self.is_blocked {
                self.block(false, poll, slot)?;
            }
            if !self.answer(server) {
                return Ok(false);
            }
            if self.outgoing.is_empty() {
                return Ok(true);
            }
        }
    }

    fn answer(&mut self, server: &mut Server) -> bool {
        while let Some(frame) = self.incoming.frame() {
            let asked = Asked { now: now(), parked_until: self.parked_until };
            match server.answer(frame, &mut self.outgoing, &asked) {
                Outcome::Answered => self.parked_until = None,
                Outcome::Parked { until } => {
                    self.parked_until = Some(until);
                    return true;
                }
                Outcome::Refused => return false,
            }
            self.incoming.next();
        }
        true
    }

    fn block(&mut self, is_blocked: bool, poll: &Poll, slot: usize) -> Result<bool> {
        if self.is_blocked != is_blocked {
            self.is_blocked = is_blocked;
            poll.change(self.socket.as_raw_fd(), if is_blocked { WRITABLE } else { READABLE }, slot)?;
        }
        Ok(true)
    }
}
