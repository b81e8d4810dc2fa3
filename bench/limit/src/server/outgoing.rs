//! Answers on their way out: small bytes of our own, and stretches of files between them.

use super::store::Store;
use crate::system::{send_bytes, send_file};
use std::io::{ErrorKind, Result};
use std::net::TcpStream;

pub struct Outgoing {
    pub bytes: Vec<u8>,
    pieces: Vec<Piece>,
    /// The first piece that is not all sent, and how much of it is.
    index: usize,
    sent: u64,
    /// Where the bytes begin that no piece names yet.
    unnamed_at: usize,
}

#[derive(Clone, Copy)]
enum Piece {
    Own { start: usize, end: usize },
    File { topic: usize, partition: usize, start: u64, end: u64 },
}

impl Outgoing {
    pub fn new() -> Self {
        Outgoing { bytes: Vec::with_capacity(65_536), pieces: Vec::with_capacity(64), index: 0, sent: 0, unnamed_at: 0 }
    }

    pub fn is_empty(&self) -> bool {
        self.index == self.pieces.len() && self.unnamed_at == self.bytes.len()
    }

    pub fn file(&mut self, topic: usize, partition: usize, start: u64, end: u64) {
        if end > start {
            self.name();
            self.pieces.push(Piece::File { topic, partition, start, end });
        }
    }

    /// Sends what the socket takes; true when that was all.
    // hot: per answer
    pub fn send(&mut self, socket: &TcpStream, store: &Store) -> Result<bool> {
        self.name();
        while self.index < self.pieces.len() {
            let more = self.index + 1 < self.pieces.len();
            let (length, result) = match self.pieces[self.index] {
                Piece::Own { start, end } => {
                    let rest = &self.bytes[start + self.sent as usize..end];
                    ((end - start) as u64, send_bytes(socket, rest, more))
                }
                Piece::File { topic, partition, start, end } => {
                    let from = &store.topics[topic].partitions[partition];
                    let at = start + self.sent;
                    let result = match &from.map {
                        Some(map) => send_bytes(socket, map.bytes(at as usize, end as usize), more),
                        None => send_file(socket, &from.file, at, (end - at) as usize),
                    };
                    (end - start, result)
                }
            };
            match result {
                Ok(count) => self.sent += count as u64,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
            if self.sent == length {
                self.index += 1;
                self.sent = 0;
            }
        }
        self.bytes.clear();
        self.pieces.clear();
        (self.index, self.unnamed_at) = (0, 0);
        Ok(true)
    }

    fn name(&mut self) {
        if self.unnamed_at < self.bytes.len() {
            self.pieces.push(Piece::Own { start: self.unnamed_at, end: self.bytes.len() });
            self.unnamed_at = self.bytes.len();
        }
    }
}
