//! One connection that fetches all partitions of a topic again and again, and counts what comes by the headers of batches.
//!
//! Answers are taken apart as they come, out of one small buffer: what is between two headers is passed over, not kept.

use super::admin::open_frame;
use crate::batch::{Header, HEADER_BYTES};
use crate::wire::{api, close_frame, error, Reader, Write};
use std::io::{ErrorKind, Read};
use std::net::TcpStream;

const BUFFER_BYTES: usize = 256 << 10;

pub struct FetchLimits {
    pub max_wait_ms: i32,
    pub min_bytes: i32,
    pub max_bytes: i32,
    pub partition_max_bytes: i32,
}

pub struct Fetcher {
    pub socket: TcpStream,
    pub offsets: Vec<i64>,
    pub bytes: u64,
    pub records: u64,
    pub requests: u64,
    topic: String,
    limits: FetchLimits,
    frame: Vec<u8>,
    sent: usize,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Still to come of this answer.
    rest: usize,
    place: Place,
    /// Bytes to be passed over before the next thing is looked at.
    skip: usize,
    /// They are a batch of this partition.
    coming: Option<usize>,
}

/// What comes next in an answer.
enum Place {
    Size,
    Head,
    Topic { topics: usize },
    Partition { topics: usize, partitions: usize },
    Batch { topics: usize, partitions: usize, partition: usize, records: usize },
    PartitionEnd { topics: usize, partitions: usize },
    TopicEnd { topics: usize },
    End,
}

pub enum Progress {
    /// The socket has no more for now.
    Waiting,
    /// An answer has come to its end.
    Answered,
    /// This partition begins later than where it was read.
    OutOfRange(usize),
}

impl Fetcher {
    pub fn new(socket: TcpStream, topic: &str, offsets: Vec<i64>, limits: FetchLimits) -> Self {
        Fetcher {
            socket,
            offsets,
            bytes: 0,
            records: 0,
            requests: 0,
            topic: topic.to_string(),
            limits,
            frame: Vec::new(),
            sent: 0,
            buffer: vec![0; BUFFER_BYTES],
            start: 0,
            end: 0,
            rest: 0,
            place: Place::Size,
            skip: 0,
            coming: None,
        }
    }

    pub fn ask(&mut self) -> Result<(), String> {
        let FetchLimits { max_wait_ms, min_bytes, max_bytes, partition_max_bytes } = self.limits;
        let frame = &mut self.frame;
        frame.clear();
        self.sent = 0;
        open_frame(frame, api::FETCH, api::FETCH_VERSION, 1);
        frame.i32(-1).i32(max_wait_ms).i32(min_bytes).i32(max_bytes).i8(0).i32(0).i32(-1);
        frame.count(1).bytes(self.topic.as_bytes()).count(self.offsets.len());
        // The one that was first comes last the next time, as Java's consumer does, so that none is starved.
        let first = self.requests as usize % self.offsets.len();
        for index in (0..self.offsets.len()).map(|index| (first + index) % self.offsets.len()) {
            frame.i32(index as i32).i32(-1).i64(self.offsets[index]).i32(-1).i64(-1).i32(partition_max_bytes).no_tags();
        }
        frame.no_tags().count(0).bytes(b"").no_tags();
        close_frame(frame, 0, 0);
        self.requests += 1;
        self.send()
    }

    /// A request is small: a socket that does not take it at once takes it when an answer has been read.
    fn send(&mut self) -> Result<(), String> {
        use std::io::Write as _;
        while self.sent < self.frame.len() {
            match self.socket.write(&self.frame[self.sent..]) {
                Ok(count) => self.sent += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(format!("Cannot send a fetch: {error}")),
            }
        }
        Ok(())
    }

    /// Reads what is there. `see` is told the partition of each batch that has come to its end.
    // hot: per read
    pub fn receive(&mut self, see: &mut impl FnMut(usize)) -> Result<Progress, String> {
        self.send()?;
        loop {
            if let Some(progress) = self.take_apart(see)? {
                return Ok(progress);
            }
            if self.start > 0 {
                self.buffer.copy_within(self.start..self.end, 0);
                (self.start, self.end) = (0, self.end - self.start);
            }
            match self.socket.read(&mut self.buffer[self.end..]) {
                Ok(0) => return Err("The broker has closed the connection".to_string()),
                Ok(count) => self.end += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Progress::Waiting),
                Err(error) => return Err(format!("Cannot receive: {error}")),
            }
        }
    }

    /// `None` when more must come first.
    fn take_apart(&mut self, see: &mut impl FnMut(usize)) -> Result<Option<Progress>, String> {
        loop {
            if self.skip > 0 {
                let count = self.skip.min(self.end - self.start);
                self.advance(count);
                self.skip -= count;
                if self.skip > 0 {
                    return Ok(None);
                }
                if let Some(partition) = self.coming.take() {
                    see(partition);
                }
            }
            let start = self.start;
            match self.step() {
                Step::Next => (),
                Step::Done(progress) => return Ok(Some(progress)),
                Step::More if self.end - start == self.buffer.len() => return Err("An answer cannot be read".to_string()),
                Step::More => return Ok(None),
                Step::Failed(code) => return Err(format!("Cannot fetch from {}: error {code}", self.topic)),
            }
        }
    }

    fn advance(&mut self, count: usize) {
        self.start += count;
        self.rest = self.rest.saturating_sub(count);
    }

    fn step(&mut self) -> Step {
        let mut reader = Reader::new(&self.buffer[self.start..self.end]);
        let next = match self.place {
            Place::Size => reader.i32().map(|size| {
                self.rest = size as usize + 4;
                Place::Head
            }),
            Place::Head => match read_head(&mut reader) {
                Some((code, _)) if code != error::NONE => return Step::Failed(code),
                head => head.map(|(_, topics)| if topics == 0 { Place::End } else { Place::Topic { topics } }),
            },
            Place::Topic { topics } => read_topic(&mut reader).map(|partitions| match partitions {
                0 => Place::TopicEnd { topics },
                _ => Place::Partition { topics, partitions },
            }),
            Place::Partition { topics, partitions } => match read_partition(&mut reader) {
                None => None,
                Some((partition, code, records)) => match code {
                    error::NONE => Some(Place::Batch { topics, partitions, partition, records }),
                    error::OFFSET_OUT_OF_RANGE => {
                        let taken = reader.position;
                        self.advance(taken);
                        self.skip = records;
                        self.place = Place::PartitionEnd { topics, partitions };
                        return Step::Done(Progress::OutOfRange(partition));
                    }
                    code => return Step::Failed(code),
                },
            },
            Place::Batch { topics, partitions, records: 0, .. } => Some(Place::PartitionEnd { topics, partitions }),
            Place::Batch { topics, partitions, partition, records } => {
                if records < HEADER_BYTES {
                    self.skip = records;
                    Some(Place::PartitionEnd { topics, partitions })
                } else if self.end - self.start < HEADER_BYTES {
                    None
                } else {
                    let header = Header::read(&self.buffer[self.start..self.end]);
                    if header.size > records {
                        self.skip = records; // cut off: it comes whole the next time
                        Some(Place::PartitionEnd { topics, partitions })
                    } else {
                        let next_offset = header.base_offset + header.last_offset_delta as i64 + 1;
                        if next_offset > self.offsets[partition] {
                            self.offsets[partition] = next_offset;
                            self.bytes += header.size as u64;
                            self.records += header.record_count as u64;
                            self.coming = Some(partition);
                        }
                        self.skip = header.size;
                        Some(Place::Batch { topics, partitions, partition, records: records - header.size })
                    }
                }
            }
            Place::PartitionEnd { topics, partitions } => reader.skip_tags().map(|()| match partitions {
                1 => Place::TopicEnd { topics },
                _ => Place::Partition { topics, partitions: partitions - 1 },
            }),
            Place::TopicEnd { topics } => reader.skip_tags().map(|()| match topics {
                1 => Place::End,
                _ => Place::Topic { topics: topics - 1 },
            }),
            Place::End => {
                self.skip = self.rest;
                self.place = Place::Size;
                return if self.skip == 0 { Step::Done(Progress::Answered) } else { self.pass_over_end() };
            }
        };
        let taken = reader.position;
        match next {
            None => Step::More,
            Some(place) => {
                self.advance(taken);
                self.place = place;
                Step::Next
            }
        }
    }

    /// The tags behind everything: a byte, in practice.
    fn pass_over_end(&mut self) -> Step {
        let here = self.end - self.start;
        if here < self.skip {
            (self.skip, self.place) = (0, Place::End);
            return Step::More;
        }
        let count = std::mem::take(&mut self.skip);
        self.advance(count);
        Step::Done(Progress::Answered)
    }
}

enum Step {
    Next,
    More,
    Done(Progress),
    Failed(i16),
}

fn read_head(reader: &mut Reader) -> Option<(i16, usize)> {
    reader.i32()?;
    reader.skip_tags()?;
    reader.i32()?; // throttled
    let code = reader.i16()?;
    reader.i32()?; // session
    Some((code, reader.count()?))
}

fn read_topic(reader: &mut Reader) -> Option<usize> {
    reader.bytes()?;
    reader.count()
}

fn read_partition(reader: &mut Reader) -> Option<(usize, i16, usize)> {
    let partition = reader.i32()? as usize;
    let code = reader.i16()?;
    reader.take(3 * 8)?; // high watermark, last stable offset, log start
    for _ in 0..reader.count()? {
        reader.take(2 * 8)?; // an aborted transaction
        reader.skip_tags()?;
    }
    reader.i32()?; // preferred replica
    Some((partition, code, reader.count()?))
}
