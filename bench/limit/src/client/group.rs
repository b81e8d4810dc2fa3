//! A group of one member, on a connection of its own, as Java's consumer has one to its coordinator: it joins, is assigned all
//! partitions by itself, says that it lives, and commits how far it has read.

use super::admin::{open_frame, Admin};
use crate::system::now;
use crate::wire::{api, close_frame, error, Reader, Write};
use std::io::{ErrorKind, Read, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

const PROTOCOL_TYPE: &[u8] = b"consumer";
const PROTOCOL: &[u8] = b"range";
const SESSION_TIMEOUT_MS: i32 = 45_000;
const REBALANCE_TIMEOUT_MS: i32 = 60_000;
/// How long a broker may need until it has a coordinator: the first group makes the topic of the offsets.
const PATIENCE: u64 = 60_000_000_000;
const NOT_YET: [i16; 3] = [error::COORDINATOR_LOAD_IN_PROGRESS, error::COORDINATOR_NOT_AVAILABLE, error::NOT_COORDINATOR];
const RETRY: Duration = Duration::from_millis(50);

pub struct Member {
    pub socket: TcpStream,
    group: String,
    topic: String,
    id: Vec<u8>,
    generation: i32,
    /// Between two commits, each with a heartbeat after it.
    period: u64,
    next_turn: u64,
    /// What is asked and not answered: one at a time.
    asked: Option<i16>,
    frame: Vec<u8>,
    answer: Vec<u8>,
}

impl Member {
    /// Returns once it is assigned all partitions.
    pub fn join(address: SocketAddr, group: String, topic: &str, partitions: usize, period: u64) -> Result<Member, String> {
        let mut admin = Admin::connect(address)?;
        let give_up = now() + PATIENCE;
        let (mut id, mut generation) = (Vec::new(), 0);
        loop {
            let code = match find_coordinator(&mut admin, &group)? {
                error::NONE => join(&mut admin, &group, topic, &mut id, &mut generation)?,
                code => code,
            };
            match code {
                error::NONE => break,
                error::MEMBER_ID_REQUIRED => continue,
                code if NOT_YET.contains(&code) && now() < give_up => std::thread::sleep(RETRY),
                code => return Err(format!("Cannot join group \"{group}\": error {code}")),
            }
        }
        sync(&mut admin, &group, topic, partitions, &id, generation)?;
        let (topic, socket) = (topic.to_string(), admin.into_socket());
        socket.set_nonblocking(true).map_err(|cause| cause.to_string())?;
        let next_turn = now() + period;
        let (frame, answer) = (Vec::new(), Vec::new());
        Ok(Member { socket, group, topic, id, generation, period, next_turn, asked: None, frame, answer })
    }

    /// Commits when it is time.
    pub fn take_turn(&mut self, offsets: &[i64]) -> Result<(), String> {
        if self.asked.is_some() || now() < self.next_turn {
            return Ok(());
        }
        self.next_turn = now() + self.period;
        self.put_commit(offsets);
        self.send(api::OFFSET_COMMIT)
    }

    /// Takes what is there of an answer.
    pub fn receive(&mut self) -> Result<(), String> {
        while self.read()? {}
        Ok(())
    }

    /// Commits for the last time and leaves, as a consumer that is closed.
    pub fn close(mut self, offsets: &[i64]) -> Result<(), String> {
        self.socket.set_nonblocking(false).map_err(|cause| cause.to_string())?;
        self.read_all()?;
        self.put_commit(offsets);
        self.send(api::OFFSET_COMMIT)?;
        self.read_all()?;
        self.open(api::LEAVE_GROUP, api::LEAVE_GROUP_VERSION);
        self.frame.bytes(self.group.as_bytes()).count(1).bytes(&self.id).none().none().no_tags().no_tags();
        self.send(api::LEAVE_GROUP)?;
        self.read_all()
    }

    fn read_all(&mut self) -> Result<(), String> {
        while self.asked.is_some() {
            self.read()?;
        }
        Ok(())
    }

    /// False when nothing is there yet. A commit that is answered is followed by a heartbeat.
    fn read(&mut self) -> Result<bool, String> {
        let mut bytes = [0; 4096];
        match self.socket.read(&mut bytes) {
            Ok(0) => return Err(self.failed("the coordinator has closed the connection")),
            Ok(count) => self.answer.extend_from_slice(&bytes[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(self.failed(error)),
        }
        let size = Reader::new(&self.answer).i32().map(|size| size as usize);
        if size.map_or(true, |size| self.answer.len() < 4 + size) {
            return Ok(true);
        }
        let asked = self.asked.take().ok_or_else(|| self.failed("an answer to nothing"))?;
        match read_code(&self.answer[4..], asked) {
            Some(error::NONE) => self.answer.clear(),
            code => return Err(self.failed(format!("answer {code:?} to API {asked}"))),
        }
        if asked == api::OFFSET_COMMIT {
            self.open(api::HEARTBEAT, api::HEARTBEAT_VERSION);
            self.frame.bytes(self.group.as_bytes()).i32(self.generation).bytes(&self.id).none().no_tags();
            self.send(api::HEARTBEAT)?;
        }
        Ok(true)
    }

    fn put_commit(&mut self, offsets: &[i64]) {
        self.open(api::OFFSET_COMMIT, api::OFFSET_COMMIT_VERSION);
        self.frame.bytes(self.group.as_bytes()).i32(self.generation).bytes(&self.id).none();
        self.frame.count(1).bytes(self.topic.as_bytes()).count(offsets.len());
        for (partition, offset) in offsets.iter().enumerate() {
            self.frame.i32(partition as i32).i64(*offset).i32(-1).bytes(b"").no_tags();
        }
        self.frame.no_tags().no_tags();
    }

    fn open(&mut self, key: i16, version: i16) {
        self.frame.clear();
        open_frame(&mut self.frame, key, version, 1);
    }

    /// Some hundred bytes, and nothing else is on its way: the socket takes it whole.
    fn send(&mut self, key: i16) -> Result<(), String> {
        close_frame(&mut self.frame, 0, 0);
        self.asked = Some(key);
        self.socket.write_all(&self.frame).map_err(|cause| self.failed(cause))
    }

    fn failed(&self, cause: impl std::fmt::Display) -> String {
        format!("Group \"{}\" has failed: {cause}", self.group)
    }
}

fn find_coordinator(admin: &mut Admin, group: &str) -> Result<i16, String> {
    admin.open(api::FIND_COORDINATOR, api::FIND_COORDINATOR_VERSION).i8(0).count(1).bytes(group.as_bytes()).no_tags();
    let answer = admin.ask()?;
    let mut reader = Reader::new(&answer);
    let mut read = || {
        (reader.i32()?, reader.skip_tags()?, reader.i32()?, reader.count()?);
        (reader.bytes()?, reader.i32()?, reader.bytes()?, reader.i32()?); // key, node, host, port
        reader.i16()
    };
    read().ok_or("An answer to FindCoordinator cannot be read".to_string())
}

fn join(admin: &mut Admin, group: &str, topic: &str, id: &mut Vec<u8>, generation: &mut i32) -> Result<i16, String> {
    let mut subscription = Vec::new();
    subscription.i16(0).i32(1).i16(topic.len() as i16).put(topic.as_bytes()).i32(-1);
    let frame = admin.open(api::JOIN_GROUP, api::JOIN_GROUP_VERSION);
    frame.bytes(group.as_bytes()).i32(SESSION_TIMEOUT_MS).i32(REBALANCE_TIMEOUT_MS).bytes(id).none().bytes(PROTOCOL_TYPE);
    frame.count(1).bytes(PROTOCOL).bytes(&subscription).no_tags().none().no_tags();
    let answer = admin.ask()?;
    let mut reader = Reader::new(&answer);
    let mut read = || {
        (reader.i32()?, reader.skip_tags()?, reader.i32()?);
        let code = reader.i16()?;
        *generation = reader.i32()?;
        (reader.bytes()?, reader.bytes()?, reader.bytes()?, reader.i8()?); // type, protocol, leader, skips assignment
        *id = reader.bytes()?.to_vec();
        Some(code)
    };
    read().ok_or("An answer to JoinGroup cannot be read".to_string())
}

fn sync(admin: &mut Admin, group: &str, topic: &str, partitions: usize, id: &[u8], generation: i32) -> Result<(), String> {
    let mut assignment = Vec::new();
    assignment.i16(0).i32(1).i16(topic.len() as i16).put(topic.as_bytes()).i32(partitions as i32);
    for partition in 0..partitions {
        assignment.i32(partition as i32);
    }
    assignment.i32(-1);
    let frame = admin.open(api::SYNC_GROUP, api::SYNC_GROUP_VERSION);
    frame.bytes(group.as_bytes()).i32(generation).bytes(id).none().bytes(PROTOCOL_TYPE).bytes(PROTOCOL);
    frame.count(1).bytes(id).bytes(&assignment).no_tags().no_tags();
    match read_code(&admin.ask()?, api::SYNC_GROUP) {
        Some(error::NONE) => Ok(()),
        code => Err(format!("No assignment in group \"{group}\": answer {code:?}")),
    }
}

/// The error of an answer; of a commit the first that there is.
fn read_code(answer: &[u8], key: i16) -> Option<i16> {
    let mut reader = Reader::new(answer);
    (reader.i32()?, reader.skip_tags()?, reader.i32()?); // correlation, throttled
    if key != api::OFFSET_COMMIT {
        return reader.i16();
    }
    for _ in 0..reader.count()? {
        reader.bytes()?;
        for _ in 0..reader.count()? {
            reader.i32()?;
            let code = reader.i16()?;
            if code != error::NONE {
                return Some(code);
            }
            reader.skip_tags()?;
        }
        reader.skip_tags()?;
    }
    Some(error::NONE)
}
