//! Topics in memory, a file a partition. Nothing is read back at a start, nothing is rolled, expired or synced.

use crate::batch::{self, Header};
use crate::system::Map;
use std::fs::{File, OpenOptions};
use std::io::{Result, Write};
use std::path::PathBuf;

/// Room that is reserved, not taken: a file may grow into it.
const MAP_BYTES: usize = 1 << 37;

pub struct Store {
    folder: PathBuf,
    maps: bool,
    pub topics: Vec<Topic>,
}

pub struct Topic {
    pub name: Vec<u8>,
    pub id: [u8; 16],
    pub partitions: Vec<Partition>,
}

pub struct Partition {
    pub file: File,
    pub map: Option<Map>,
    pub size: u64,
    pub next_offset: i64,
    /// First offset and place of each batch.
    batches: Vec<(i64, u64)>,
}

impl Store {
    pub fn new(folder: &str, maps: bool) -> Result<Store> {
        std::fs::create_dir_all(folder)?;
        Ok(Store { folder: folder.into(), maps, topics: Vec::new() })
    }

    pub fn topic(&self, name: &[u8]) -> Option<&Topic> {
        self.topics.iter().find(|topic| topic.name == name)
    }

    // hot: per request
    pub fn partition(&mut self, topic: &[u8], partition: i32) -> Option<&mut Partition> {
        let topic = self.topics.iter_mut().find(|candidate| candidate.name == topic)?;
        topic.partitions.get_mut(partition as usize)
    }

    /// False when there is one of that name.
    pub fn create(&mut self, name: &[u8], partition_count: usize) -> Result<bool> {
        if self.topic(name).is_some() {
            return Ok(false);
        }
        let mut id = [0; 16];
        id[15] = self.topics.len() as u8 + 1;
        let partitions = (0..partition_count)
            .map(|index| {
                let path = self.folder.join(format!("{}-{index}.log", String::from_utf8_lossy(name)));
                let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)?;
                let map = if self.maps { Some(Map::of(&file, MAP_BYTES)?) } else { None };
                Ok(Partition { file, map, size: 0, next_offset: 0, batches: Vec::new() })
            })
            .collect::<Result<Vec<_>>>()?;
        self.topics.push(Topic { name: name.to_vec(), id, partitions });
        Ok(true)
    }
}

impl Partition {
    /// Checks a batch and writes it behind the others; `None` when it is not sound.
    // hot: per batch
    pub fn append(&mut self, bytes: &mut [u8]) -> Result<Option<i64>> {
        if !batch::is_sound(bytes) {
            return Ok(None);
        }
        let base_offset = self.next_offset;
        batch::stamp(bytes, base_offset);
        self.file.write_all(bytes)?;
        self.batches.push((base_offset, self.size));
        self.size += bytes.len() as u64;
        self.next_offset += Header::read(bytes).last_offset_delta as i64 + 1;
        Ok(Some(base_offset))
    }

    /// Where a read from an offset begins and ends: `bytes_max` at most, but a whole batch at least if `or_a_batch`.
    // hot: per fetch
    pub fn range(&self, offset: i64, bytes_max: u64, or_a_batch: bool) -> Option<(u64, u64)> {
        if offset < 0 || offset > self.next_offset {
            return None;
        }
        if offset == self.next_offset {
            return Some((self.size, self.size));
        }
        let index = self.batches.partition_point(|(base_offset, _)| *base_offset <= offset) - 1;
        let start = self.batches[index].1;
        let least = if or_a_batch { self.batches.get(index + 1).map_or(self.size, |(_, at)| *at) } else { start };
        Some((start, (start + bytes_max).min(self.size).max(least)))
    }
}
