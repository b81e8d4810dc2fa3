//! One connection that sends batches and takes their answers.

use super::admin::{open_frame, put_api_versions};
use crate::incoming::{Incoming, Received};
use crate::wire::{api, close_frame, error, Reader, Write};
use std::collections::VecDeque;
use std::io::{ErrorKind, IoSlice, Write as _};
use std::net::TcpStream;

/// Tags of partition, topic and request.
const TAIL: [u8; 3] = [0; 3];
const SLICES_MAX: usize = 96;
const TIMEOUT_MS: i32 = 60_000;

pub struct Producer {
    pub socket: TcpStream,
    /// The socket did not take all that there is to send.
    pub is_blocked: bool,
    incoming: Incoming,
    /// Not yet all sent, then sent and not yet answered; oldest first.
    sending: VecDeque<Request>,
    waiting: VecDeque<Request>,
    /// Of the first that is being sent.
    sent: usize,
    correlation: i32,
    acks: i16,
    /// Heads of requests that are over.
    spare: Vec<Vec<u8>>,
}

pub struct Request {
    head: Vec<u8>,
    pub correlation: i32,
    /// Which of the made batches; none is a question that ends a load.
    pub batch: Option<usize>,
    pub partition: usize,
    pub intended: u64,
}

impl Producer {
    pub fn new(socket: TcpStream, acks: i16) -> Self {
        Producer {
            socket,
            is_blocked: false,
            incoming: Incoming::new(),
            sending: VecDeque::new(),
            waiting: VecDeque::new(),
            sent: 0,
            correlation: 0,
            acks,
            spare: Vec::new(),
        }
    }

    pub fn in_flight(&self) -> usize {
        self.sending.len() + self.waiting.len()
    }

    // hot: per request
    pub fn produce(&mut self, topic: &str, partition: usize, batch: usize, batch_bytes: usize, intended: u64) {
        let mut head = self.spare.pop().unwrap_or_default();
        head.clear();
        self.correlation += 1;
        open_frame(&mut head, api::PRODUCE, api::PRODUCE_VERSION, self.correlation);
        head.none().i16(self.acks).i32(TIMEOUT_MS).count(1).bytes(topic.as_bytes()).count(1).i32(partition as i32);
        head.count(batch_bytes);
        close_frame(&mut head, 0, batch_bytes + TAIL.len());
        self.sending.push_back(Request { head, correlation: self.correlation, batch: Some(batch), partition, intended });
    }

    /// Its answer says that everything before it was taken, which acks=0 leaves open.
    pub fn ask_for_end(&mut self, intended: u64) {
        let mut head = Vec::new();
        self.correlation += 1;
        put_api_versions(&mut head, self.correlation);
        self.sending.push_back(Request { head, correlation: self.correlation, batch: None, partition: 0, intended });
    }

    /// `done` is told of requests that are over when they are sent.
    // hot: per write
    pub fn send(&mut self, batches: &[Vec<u8>], done: &mut impl FnMut(&Request)) -> Result<(), String> {
        self.is_blocked = false;
        while !self.sending.is_empty() {
            let mut slices = [IoSlice::new(&[]); SLICES_MAX];
            let mut count = 0;
            let mut passed = self.sent;
            for request in self.sending.iter().take(SLICES_MAX / 3) {
                let (batch, tail): (&[u8], &[u8]) = match request.batch {
                    Some(batch) => (&batches[batch], &TAIL),
                    None => (&[], &[]),
                };
                for bytes in [&request.head, batch, tail] {
                    let gone = passed.min(bytes.len());
                    passed -= gone;
                    slices[count] = IoSlice::new(&bytes[gone..]);
                    count += 1;
                }
            }
            match self.socket.write_vectored(&slices[..count]) {
                Ok(count) => self.has_sent(count, batches, done),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.is_blocked = true;
                    return Ok(());
                }
                Err(error) => return Err(format!("Cannot send: {error}")),
            }
        }
        Ok(())
    }

    fn has_sent(&mut self, count: usize, batches: &[Vec<u8>], done: &mut impl FnMut(&Request)) {
        self.sent += count;
        while let Some(request) = self.sending.front() {
            let size = request.head.len() + request.batch.map_or(0, |batch| batches[batch].len() + TAIL.len());
            if self.sent < size {
                return;
            }
            self.sent -= size;
            let request = self.sending.pop_front().expect("There is a first");
            if self.acks == 0 && request.batch.is_some() {
                done(&request);
                self.spare.push(request.head);
            } else {
                self.waiting.push_back(request);
            }
        }
    }

    /// `done` is told of requests that are answered. One that failed ends everything.
    // hot: per read
    pub fn receive(&mut self, done: &mut impl FnMut(&Request)) -> Result<(), String> {
        loop {
            let received = self.incoming.receive(&self.socket).map_err(|cause| format!("Cannot receive: {cause}"))?;
            if matches!(received, Received::Closed) {
                return Err("The broker has closed the connection".to_string());
            }
            while let Some(frame) = self.incoming.frame() {
                let request = self.waiting.pop_front().ok_or("An answer that nobody asked for")?;
                let (correlation, code) = read_answer(frame, &request).ok_or("An answer cannot be read")?;
                if correlation != request.correlation {
                    return Err(format!("Asked {} and was answered {correlation}", request.correlation));
                }
                if code != error::NONE {
                    return Err(format!("Cannot produce to partition {}: error {code}", request.partition));
                }
                done(&request);
                self.spare.push(request.head);
                self.incoming.next();
            }
            if !matches!(received, Received::Full) {
                return Ok(());
            }
        }
    }
}

fn read_answer(frame: &[u8], request: &Request) -> Option<(i32, i16)> {
    let mut reader = Reader::new(frame);
    let correlation = reader.i32()?;
    if request.batch.is_none() {
        return Some((correlation, reader.i16()?));
    }
    reader.skip_tags()?;
    reader.count()?;
    reader.bytes()?; // topic
    reader.count()?;
    reader.i32()?; // partition
    Some((correlation, reader.i16()?))
}
