//! What is asked and what is answered.

use super::groups;
use super::outgoing::Outgoing;
use super::store::Store;
use crate::wire::{api, close_frame, error, Reader, Write};

pub enum Outcome {
    Answered,
    /// A fetch that finds too little: to be asked again when something was appended, or at this moment.
    Parked { until: u64 },
    /// Nothing that can be read or is spoken here.
    Refused,
}

pub struct Server {
    pub store: Store,
    pub port: u16,
    /// Something was appended since it was last looked at.
    pub has_appended: bool,
    pub last_producer_id: i64,
}

pub struct Asked {
    pub now: u64,
    /// When a parked fetch must be answered; `None` at first.
    pub parked_until: Option<u64>,
}

impl Server {
    // hot: per request
    pub fn answer(&mut self, frame: &mut [u8], out: &mut Outgoing, asked: &Asked) -> Outcome {
        self.try_answer(frame, out, asked).unwrap_or(Outcome::Refused)
    }

    fn try_answer(&mut self, frame: &mut [u8], out: &mut Outgoing, asked: &Asked) -> Option<Outcome> {
        let mut reader = Reader::new(frame);
        let (key, version, correlation) = (reader.i16()?, reader.i16()?, reader.i32()?);
        reader.short_text()?;
        let size_at = out.bytes.len();
        if key == api::API_VERSIONS {
            out.bytes.i32(0).i32(correlation);
            put_api_versions(&mut out.bytes, version);
            close_frame(&mut out.bytes, size_at, 0);
            return Some(Outcome::Answered);
        }
        SPOKEN.iter().find(|(spoken, only)| *spoken == key && *only == version)?;
        reader.skip_tags()?;
        let body = reader.position;
        if key == api::FETCH {
            return self.fetch(reader, correlation, out, asked);
        }
        out.bytes.i32(0).i32(correlation).no_tags();
        match key {
            api::PRODUCE => {
                if !self.produce(frame, body, &mut out.bytes)? {
                    out.bytes.truncate(size_at);
                    return Some(Outcome::Answered);
                }
            }
            api::METADATA => self.metadata(reader, &mut out.bytes)?,
            api::LIST_OFFSETS => self.list_offsets(reader, &mut out.bytes)?,
            api::CREATE_TOPICS => self.create_topics(reader, &mut out.bytes)?,
            api::INIT_PRODUCER_ID => {
                self.last_producer_id += 1;
                groups::init_producer_id(&mut out.bytes, self.last_producer_id);
            }
            api::FIND_COORDINATOR => groups::find_coordinator(reader, self.port, &mut out.bytes)?,
            api::JOIN_GROUP => groups::join(reader, &mut out.bytes)?,
            api::SYNC_GROUP => groups::sync(reader, &mut out.bytes)?,
            api::HEARTBEAT => groups::heartbeat(&mut out.bytes),
            api::LEAVE_GROUP => groups::leave(&mut out.bytes),
            api::OFFSET_COMMIT => groups::commit(reader, &mut out.bytes)?,
            api::OFFSET_FETCH => groups::fetch_offsets(reader, &mut out.bytes)?,
            _ => return None,
        }
        close_frame(&mut out.bytes, size_at, 0);
        Some(Outcome::Answered)
    }

    /// False when acks is 0 and there is no answer.
    fn produce(&mut self, frame: &mut [u8], body: usize, out: &mut Vec<u8>) -> Option<bool> {
        let mut reader = Reader::at(frame, body);
        reader.bytes()?; // transactional id
        let acks = reader.i16()?;
        reader.i32()?; // timeout
        let topic_count = reader.count()?;
        out.count(topic_count);
        let mut position = reader.position;
        for _ in 0..topic_count {
            let mut reader = Reader::at(frame, position);
            let name_length = reader.count()?;
            let name_at = reader.position;
            out.bytes(reader.take(name_length)?);
            let partition_count = reader.count()?;
            out.count(partition_count);
            position = reader.position;
            for _ in 0..partition_count {
                let mut reader = Reader::at(frame, position);
                let index = reader.i32()?;
                let length = reader.count()?;
                let records_at = reader.position;
                reader.take(length)?;
                reader.skip_tags()?;
                position = reader.position;
                let (before, from) = frame.split_at_mut(records_at);
                let (code, base_offset) = match self.store.partition(&before[name_at..name_at + name_length], index) {
                    None => (error::UNKNOWN_TOPIC_OR_PARTITION, -1),
                    Some(partition) => match partition.append(&mut from[..length]) {
                        Ok(Some(base_offset)) => (error::NONE, base_offset),
                        Ok(None) => (error::CORRUPT_MESSAGE, -1),
                        Err(cause) => panic!("Cannot write a batch of {length} bytes: {cause}"),
                    },
                };
                out.i32(index).i16(code).i64(base_offset).i64(-1).i64(0).count(0).none().no_tags();
            }
            let mut reader = Reader::at(frame, position);
            reader.skip_tags()?;
            position = reader.position;
            out.no_tags();
        }
        out.i32(0).no_tags();
        self.has_appended = true;
        Some(acks != 0)
    }

    /// Looked at twice: how much there is, then the answer.
    fn fetch(&self, mut reader: Reader, correlation: i32, out: &mut Outgoing, asked: &Asked) -> Option<Outcome> {
        reader.i32()?; // replica
        let max_wait_ms = reader.i32()?.max(0) as u64;
        let bytes_min = reader.i32()?.max(0) as u64;
        let bytes_max = reader.i32()?.max(0) as u64;
        reader.i8()?; // isolation
        reader.i32()?; // session
        reader.i32()?;
        let mut found = 0;
        let mut has_error = false;
        self.each_fetched(reader, bytes_max, |_, fetched| match fetched {
            Fetched::Part { range: Some((start, end)), .. } => found += end - start,
            Fetched::Part { .. } => has_error = true,
            _ => (),
        })?;
        let until = asked.parked_until.unwrap_or(asked.now + max_wait_ms * 1_000_000);
        if found < bytes_min && !has_error && asked.now < until {
            return Some(Outcome::Parked { until });
        }
        let size_at = out.bytes.len();
        out.bytes.i32(0).i32(correlation).no_tags().i32(0).i16(error::NONE).i32(0);
        self.each_fetched(reader, bytes_max, |store, fetched| match fetched {
            Fetched::Topics(count) => drop(out.bytes.count(count)),
            Fetched::Topic { name, partition_count } => drop(out.bytes.bytes(name).count(partition_count)),
            Fetched::Part { topic, index, range } => {
                let code = match (topic, range) {
                    (_, Some(_)) => error::NONE,
                    (None, None) => error::UNKNOWN_TOPIC_OR_PARTITION,
                    (Some(_), None) => error::OFFSET_OUT_OF_RANGE,
                };
                let end_offset = topic.map_or(-1, |topic| store.topics[topic].partitions[index as usize].next_offset);
                let (start, end) = range.unwrap_or((0, 0));
                out.bytes.i32(index).i16(code).i64(end_offset).i64(end_offset).i64(0).none().i32(-1);
                out.bytes.count((end - start) as usize);
                if let Some(topic) = topic {
                    out.file(topic, index as usize, start, end);
                }
                out.bytes.no_tags();
            }
            Fetched::TopicEnd => drop(out.bytes.no_tags()),
        })?;
        out.bytes.no_tags();
        close_frame(&mut out.bytes, size_at, found as usize);
        Some(Outcome::Answered)
    }

    fn each_fetched(&self, mut reader: Reader, bytes_max: u64, mut see: impl FnMut(&Store, Fetched)) -> Option<()> {
        let mut rest = bytes_max;
        let mut is_first = true;
        let topic_count = reader.count()?;
        see(&self.store, Fetched::Topics(topic_count));
        for _ in 0..topic_count {
            let name = reader.bytes()?;
            let partition_count = reader.count()?;
            see(&self.store, Fetched::Topic { name, partition_count });
            let topic = self.store.topics.iter().position(|topic| topic.name == name);
            for _ in 0..partition_count {
                let index = reader.i32()?;
                reader.i32()?; // leader epoch
                let offset = reader.i64()?;
                reader.i32()?; // last epoch
                reader.i64()?; // log start
                let partition_max = reader.i32()?.max(0) as u64;
                reader.skip_tags()?;
                let topic = topic.filter(|topic| (index as usize) < self.store.topics[*topic].partitions.len());
                let range = topic.and_then(|topic| {
                    let partition = &self.store.topics[topic].partitions[index as usize];
                    partition.range(offset, partition_max.min(rest), is_first)
                });
                if let Some((start, end)) = range {
                    rest = rest.saturating_sub(end - start);
                    is_first = is_first && end == start;
                }
                see(&self.store, Fetched::Part { topic, index, range });
            }
            reader.skip_tags()?;
            see(&self.store, Fetched::TopicEnd);
        }
        Some(())
    }

    fn metadata(&self, mut reader: Reader, out: &mut Vec<u8>) -> Option<()> {
        out.i32(0).count(1).i32(1).bytes(b"127.0.0.1").i32(self.port as i32).none().no_tags();
        out.bytes(b"limit").i32(1);
        let all = reader.uvarint()?;
        if all == 0 {
            out.count(self.store.topics.len());
            for topic in &self.store.topics {
                self.describe(&topic.name, out);
            }
        } else {
            out.count(all - 1);
            for _ in 0..all - 1 {
                reader.take(16)?;
                self.describe(reader.bytes()?, out);
                reader.skip_tags()?;
            }
        }
        out.no_tags();
        Some(())
    }

    fn describe(&self, name: &[u8], out: &mut Vec<u8>) {
        let topic = self.store.topic(name);
        out.i16(if topic.is_some() { error::NONE } else { error::UNKNOWN_TOPIC_OR_PARTITION });
        out.bytes(name).put(&topic.map_or([0; 16], |topic| topic.id)).i8(0);
        let partition_count = topic.map_or(0, |topic| topic.partitions.len());
        out.count(partition_count);
        for index in 0..partition_count {
            out.i16(error::NONE).i32(index as i32).i32(1).i32(0);
            out.count(1).i32(1).count(1).i32(1).count(0).no_tags();
        }
        out.i32(i32::MIN).no_tags();
    }

    fn list_offsets(&mut self, mut reader: Reader, out: &mut Vec<u8>) -> Option<()> {
        reader.i32()?; // replica
        reader.i8()?; // isolation
        let topic_count = reader.count()?;
        out.i32(0).count(topic_count);
        for _ in 0..topic_count {
            let name = reader.bytes()?;
            let partition_count = reader.count()?;
            out.bytes(name).count(partition_count);
            for _ in 0..partition_count {
                let index = reader.i32()?;
                reader.i32()?; // leader epoch
                let timestamp = reader.i64()?;
                reader.skip_tags()?;
                let partition = self.store.partition(name, index);
                let code = if partition.is_some() { error::NONE } else { error::UNKNOWN_TOPIC_OR_PARTITION };
                let offset = if timestamp == -2 { 0 } else { partition.map_or(-1, |partition| partition.next_offset) };
                out.i32(index).i16(code).i64(-1).i64(offset).i32(0).no_tags();
            }
            reader.skip_tags()?;
            out.no_tags();
        }
        out.no_tags();
        Some(())
    }

    fn create_topics(&mut self, mut reader: Reader, out: &mut Vec<u8>) -> Option<()> {
        let topic_count = reader.count()?;
        out.i32(0).count(topic_count);
        for _ in 0..topic_count {
            let name = reader.bytes()?;
            let partition_count = reader.i32()?.max(1);
            reader.i16()?; // replicas
            if reader.count()? > 0 {
                return None; // assignments: there is nowhere else
            }
            for _ in 0..reader.count()? { // configs have no effect
                reader.bytes()?;
                reader.bytes()?;
                reader.skip_tags()?;
            }
            reader.skip_tags()?;
            let is_new = self.store.create(name, partition_count as usize);
            let code = if is_new.expect("A topic's files can be made") { error::NONE } else { error::TOPIC_ALREADY_EXISTS };
            let id = self.store.topic(name)?.id;
            out.bytes(name).put(&id).i16(code).none().i32(partition_count).i16(1).count(0).no_tags();
        }
        out.no_tags();
        Some(())
    }
}

enum Fetched<'frame> {
    Topics(usize),
    Topic { name: &'frame [u8], partition_count: usize },
    Part { topic: Option<usize>, index: i32, range: Option<(u64, u64)> },
    TopicEnd,
}

const SPOKEN: [(i16, i16); 13] = [
    (api::PRODUCE, api::PRODUCE_VERSION),
    (api::FETCH, api::FETCH_VERSION),
    (api::LIST_OFFSETS, api::LIST_OFFSETS_VERSION),
    (api::METADATA, api::METADATA_VERSION),
    (api::CREATE_TOPICS, api::CREATE_TOPICS_VERSION),
    (api::INIT_PRODUCER_ID, api::INIT_PRODUCER_ID_VERSION),
    (api::FIND_COORDINATOR, api::FIND_COORDINATOR_VERSION),
    (api::JOIN_GROUP, api::JOIN_GROUP_VERSION),
    (api::SYNC_GROUP, api::SYNC_GROUP_VERSION),
    (api::HEARTBEAT, api::HEARTBEAT_VERSION),
    (api::LEAVE_GROUP, api::LEAVE_GROUP_VERSION),
    (api::OFFSET_COMMIT, api::OFFSET_COMMIT_VERSION),
    (api::OFFSET_FETCH, api::OFFSET_FETCH_VERSION),
];

/// The header of this answer has no tags in any version.
fn put_api_versions(out: &mut Vec<u8>, version: i16) {
    let is_known = (0..=api::API_VERSIONS_VERSION_MAX).contains(&version);
    let is_flexible = is_known && version >= 3;
    out.i16(if is_known { error::NONE } else { error::UNSUPPORTED_VERSION });
    if is_flexible {
        out.count(SPOKEN.len() + 1);
    } else {
        out.i32(SPOKEN.len() as i32 + 1);
    }
    let own = [(api::API_VERSIONS, 0, api::API_VERSIONS_VERSION_MAX)];
    for (key, first, last) in SPOKEN.iter().map(|(key, only)| (*key, *only, *only)).chain(own) {
        out.i16(key).i16(first).i16(last);
        if is_flexible {
            out.no_tags();
        }
    }
    if is_known && version >= 1 {
        out.i32(0);
    }
    if is_flexible {
        out.no_tags();
    }
}
