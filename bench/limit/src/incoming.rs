//! Whole frames out of a stream, in one buffer a connection that stays small so that it stays in the processor's cache.
//!
//! A read ends where the frame that has begun ends: then the next one begins at the start of the buffer, and none is moved.

use std::io::{ErrorKind, Read, Result};
use std::net::TcpStream;

const SIZE_BYTES: usize = 4;
const FRAME_BYTES_MAX: usize = 256 << 20;
/// For small frames, as many as there are up to this.
const READ_BYTES: usize = 256 << 10;

pub struct Incoming {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

pub enum Received {
    /// As much as was asked for: there may be more.
    Full,
    Some,
    Closed,
}

impl Incoming {
    pub fn new() -> Self {
        Incoming { buffer: vec![0; READ_BYTES], start: 0, end: 0 }
    }

    // hot: per read
    pub fn receive(&mut self, mut socket: &TcpStream) -> Result<Received> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
        let missing = self.missing();
        let want = match missing {
            0 => READ_BYTES,
            missing if self.buffer.len() - self.end >= missing => missing,
            missing => {
                if self.start > 0 {
                    self.buffer.copy_within(self.start..self.end, 0);
                    (self.start, self.end) = (0, self.end - self.start);
                }
                if self.buffer.len() < self.end + missing {
                    self.buffer.resize(self.end + missing, 0);
                }
                missing
            }
        };
        let room = self.end..(self.end + want).min(self.buffer.len());
        let asked = room.len();
        if asked == 0 {
            return Ok(Received::Some); // behind a fetch that waits
        }
        match socket.read(&mut self.buffer[room]) {
            Ok(0) => Ok(Received::Closed),
            Ok(count) => {
                self.end += count;
                Ok(if count == asked { Received::Full } else { Received::Some })
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(Received::Some),
            Err(error) => Err(error),
        }
    }

    /// The next frame without its size, if all of it is here.
    pub fn frame(&mut self) -> Option<&mut [u8]> {
        let length = self.length()?;
        let first = self.start + SIZE_BYTES;
        if first + length > self.end {
            return None;
        }
        Some(&mut self.buffer[first..first + length])
    }

    /// Goes on to the frame after it.
    pub fn next(&mut self) {
        self.start += SIZE_BYTES + self.length().unwrap_or(0);
    }

    fn length(&self) -> Option<usize> {
        let bytes = self.buffer.get(self.start..self.end)?.first_chunk::<SIZE_BYTES>()?;
        Some(u32::from_be_bytes(*bytes) as usize)
    }

    pub fn is_too_large(&self) -> bool {
        self.length().is_some_and(|length| length > FRAME_BYTES_MAX)
    }

    /// Of the frame that has begun; 0 when none has.
    fn missing(&self) -> usize {
        match self.length() {
            None if self.start == self.end => 0,
            None => SIZE_BYTES - (self.end - self.start),
            Some(length) => (SIZE_BYTES + length).saturating_sub(self.end - self.start),
        }
    }
}
