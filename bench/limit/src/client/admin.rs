//! What is asked before and between loads, one question at a time.

use crate::options::Options;
use crate::wire::{api, close_frame, error, Reader, Write};
use std::io::{Read, Write as _};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

pub const EARLIEST: i64 = -2;
pub const LATEST: i64 = -1;
const ANSWER_BYTES_MAX: usize = 64 << 20;

pub struct Admin {
    socket: TcpStream,
    frame: Vec<u8>,
}

pub fn address(options: &Options) -> Result<SocketAddr, String> {
    let port: u16 = options.required("port")?.parse().map_err(|_| "Invalid value for --port".to_string())?;
    let host = options.text("host").unwrap_or("127.0.0.1");
    let addresses = (host, port).to_socket_addrs();
    addresses.ok().and_then(|mut found| found.next()).ok_or(format!("There is no host \"{host}\""))
}

/// The beginning of a frame, up to the body of a request in a flexible version.
pub fn open_frame(frame: &mut Vec<u8>, key: i16, version: i16, correlation: i32) {
    frame.i32(0).i16(key).i16(version).i32(correlation).i16(5).put(b"limit").no_tags();
}

/// To a broker that answers everything in order: its answer says that all before it was dealt with.
pub fn put_api_versions(frame: &mut Vec<u8>, correlation: i32) {
    open_frame(frame, api::API_VERSIONS, 3, correlation);
    frame.bytes(b"limit").bytes(b"1").no_tags();
    close_frame(frame, 0, 0);
}

impl Admin {
    pub fn connect(address: SocketAddr) -> Result<Admin, String> {
        let text = |cause| format!("Cannot connect to {address}: {cause}");
        let socket = TcpStream::connect(address).map_err(text)?;
        socket.set_nodelay(true).map_err(text)?;
        socket.set_read_timeout(Some(Duration::from_secs(60))).map_err(text)?;
        Ok(Admin { socket, frame: Vec::new() })
    }

    /// An offset of each partition: the earliest or the latest.
    pub fn offsets(&mut self, topic: &str, partition_count: usize, moment: i64) -> Result<Vec<i64>, String> {
        self.open(api::LIST_OFFSETS, api::LIST_OFFSETS_VERSION);
        self.frame.i32(-1).i8(0).count(1).bytes(topic.as_bytes()).count(partition_count);
        for partition in 0..partition_count {
            self.frame.i32(partition as i32).i32(-1).i64(moment).no_tags();
        }
        self.frame.no_tags().no_tags();
        let answer = self.ask()?;
        let mut reader = Reader::new(&answer);
        let mut read = || -> Option<Vec<(i32, i16, i64)>> {
            (reader.i32()?, reader.skip_tags()?, reader.i32()?, reader.count()?, reader.bytes()?);
            (0..reader.count()?)
                .map(|_| {
                    let (index, code) = (reader.i32()?, reader.i16()?);
                    reader.i64()?;
                    let offset = reader.i64()?;
                    reader.i32()?;
                    reader.skip_tags()?;
                    Some((index, code, offset))
                })
                .collect()
        };
        let mut offsets = vec![0; partition_count];
        for (index, code, offset) in read().ok_or("An answer to ListOffsets cannot be read")? {
            if code != error::NONE {
                return Err(format!("Cannot ask for the offsets of {topic}-{index}: error {code}"));
            }
            offsets[index as usize] = offset;
        }
        Ok(offsets)
    }

    /// Where the body of a request goes.
    pub fn open(&mut self, key: i16, version: i16) -> &mut Vec<u8> {
        self.frame.clear();
        open_frame(&mut self.frame, key, version, 1);
        &mut self.frame
    }

    pub fn into_socket(self) -> TcpStream {
        self.socket
    }

    pub fn ask(&mut self) -> Result<Vec<u8>, String> {
        close_frame(&mut self.frame, 0, 0);
        let text = |cause| format!("No answer: {cause}");
        self.socket.write_all(&self.frame).map_err(text)?;
        let mut size = [0; 4];
        self.socket.read_exact(&mut size).map_err(text)?;
        let mut answer = vec![0; (u32::from_be_bytes(size) as usize).min(ANSWER_BYTES_MAX)];
        self.socket.read_exact(&mut answer).map_err(text)?;
        Ok(answer)
    }
}
