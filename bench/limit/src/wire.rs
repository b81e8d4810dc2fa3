//! Kafka's encoding, as much of it as is needed here: the compact forms of flexible versions.

/// What is missing or impossible is `None`.
#[derive(Clone, Copy)]
pub struct Reader<'bytes> {
    bytes: &'bytes [u8],
    pub position: usize,
}

impl<'bytes> Reader<'bytes> {
    pub fn new(bytes: &'bytes [u8]) -> Self {
        Reader { bytes, position: 0 }
    }

    pub fn at(bytes: &'bytes [u8], position: usize) -> Self {
        Reader { bytes, position }
    }

    pub fn take(&mut self, count: usize) -> Option<&'bytes [u8]> {
        let taken = self.bytes.get(self.position..self.position.checked_add(count)?)?;
        self.position += count;
        Some(taken)
    }

    pub fn i8(&mut self) -> Option<i8> {
        self.take(1).map(|bytes| bytes[0] as i8)
    }

    pub fn i16(&mut self) -> Option<i16> {
        self.take(2).map(|bytes| i16::from_be_bytes(bytes.try_into().unwrap()))
    }

    pub fn i32(&mut self) -> Option<i32> {
        self.take(4).map(|bytes| i32::from_be_bytes(bytes.try_into().unwrap()))
    }

    pub fn i64(&mut self) -> Option<i64> {
        self.take(8).map(|bytes| i64::from_be_bytes(bytes.try_into().unwrap()))
    }

    pub fn uvarint(&mut self) -> Option<usize> {
        let mut value = 0usize;
        for shift in (0..35).step_by(7) {
            let byte = self.take(1)?[0];
            value |= ((byte & 0x7f) as usize) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    /// Length of a compact array; none has -1 entries, which reads as 0.
    pub fn count(&mut self) -> Option<usize> {
        Some(self.uvarint()?.saturating_sub(1))
    }

    /// Compact text or bytes, nullable or not.
    pub fn bytes(&mut self) -> Option<&'bytes [u8]> {
        let length = self.count()?;
        self.take(length)
    }

    /// Text with a length of two bytes, as client ids have it.
    pub fn short_text(&mut self) -> Option<&'bytes [u8]> {
        let length = self.i16()?;
        self.take(length.max(0) as usize)
    }

    pub fn skip_tags(&mut self) -> Option<()> {
        for _ in 0..self.uvarint()? {
            self.uvarint()?;
            let length = self.uvarint()?;
            self.take(length)?;
        }
        Some(())
    }
}

/// Appends to a buffer that is used again and again.
pub trait Write {
    fn buffer(&mut self) -> &mut Vec<u8>;

    fn put(&mut self, bytes: &[u8]) -> &mut Self {
        self.buffer().extend_from_slice(bytes);
        self
    }

    fn i8(&mut self, value: i8) -> &mut Self {
        self.put(&value.to_be_bytes())
    }

    fn i16(&mut self, value: i16) -> &mut Self {
        self.put(&value.to_be_bytes())
    }

    fn i32(&mut self, value: i32) -> &mut Self {
        self.put(&value.to_be_bytes())
    }

    fn i64(&mut self, value: i64) -> &mut Self {
        self.put(&value.to_be_bytes())
    }

    fn uvarint(&mut self, mut value: usize) -> &mut Self {
        while value >= 0x80 {
            self.buffer().push(value as u8 | 0x80);
            value >>= 7;
        }
        self.buffer().push(value as u8);
        self
    }

    fn count(&mut self, count: usize) -> &mut Self {
        self.uvarint(count + 1)
    }

    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.count(bytes.len()).put(bytes)
    }

    fn none(&mut self) -> &mut Self {
        self.uvarint(0)
    }

    fn no_tags(&mut self) -> &mut Self {
        self.uvarint(0)
    }
}

impl Write for Vec<u8> {
    fn buffer(&mut self) -> &mut Vec<u8> {
        self
    }
}

/// Puts the length of what follows it where four bytes were left for it.
pub fn close_frame(bytes: &mut [u8], size_at: usize, more: usize) {
    let length = (bytes.len() - size_at - 4 + more) as i32;
    bytes[size_at..size_at + 4].copy_from_slice(&length.to_be_bytes());
}

pub mod api {
    pub const PRODUCE: i16 = 0;
    pub const FETCH: i16 = 1;
    pub const LIST_OFFSETS: i16 = 2;
    pub const METADATA: i16 = 3;
    pub const OFFSET_COMMIT: i16 = 8;
    pub const OFFSET_FETCH: i16 = 9;
    pub const FIND_COORDINATOR: i16 = 10;
    pub const JOIN_GROUP: i16 = 11;
    pub const HEARTBEAT: i16 = 12;
    pub const LEAVE_GROUP: i16 = 13;
    pub const SYNC_GROUP: i16 = 14;
    pub const API_VERSIONS: i16 = 18;
    pub const CREATE_TOPICS: i16 = 19;
    pub const INIT_PRODUCER_ID: i16 = 22;

    /// The one version of each that is spoken here: the last that names topics by name and not by id.
    pub const PRODUCE_VERSION: i16 = 9;
    pub const FETCH_VERSION: i16 = 12;
    pub const LIST_OFFSETS_VERSION: i16 = 7;
    pub const METADATA_VERSION: i16 = 12;
    pub const OFFSET_COMMIT_VERSION: i16 = 8;
    pub const OFFSET_FETCH_VERSION: i16 = 9;
    pub const FIND_COORDINATOR_VERSION: i16 = 4;
    pub const JOIN_GROUP_VERSION: i16 = 9;
    pub const HEARTBEAT_VERSION: i16 = 4;
    pub const LEAVE_GROUP_VERSION: i16 = 5;
    pub const SYNC_GROUP_VERSION: i16 = 5;
    pub const CREATE_TOPICS_VERSION: i16 = 7;
    pub const INIT_PRODUCER_ID_VERSION: i16 = 4;
    pub const API_VERSIONS_VERSION_MAX: i16 = 4;
}

pub mod error {
    pub const NONE: i16 = 0;
    pub const OFFSET_OUT_OF_RANGE: i16 = 1;
    pub const CORRUPT_MESSAGE: i16 = 2;
    pub const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
    pub const COORDINATOR_LOAD_IN_PROGRESS: i16 = 14;
    pub const COORDINATOR_NOT_AVAILABLE: i16 = 15;
    pub const NOT_COORDINATOR: i16 = 16;
    pub const UNSUPPORTED_VERSION: i16 = 35;
    pub const TOPIC_ALREADY_EXISTS: i16 = 36;
    pub const MEMBER_ID_REQUIRED: i16 = 79;
}
