//! A record batch, format 2: its header, its checksum, and making one.
//!
//! ```text
//! 0 base offset · 8 length of the rest · 12 leader epoch · 16 magic · 17 CRC of the rest · 21 attributes · 23 last offset delta
//! 27 base timestamp · 35 max timestamp · 43 producer id · 51 epoch · 53 sequence · 57 record count · 61 records
//! ```

use crate::crc32c::crc32c;

pub const HEADER_BYTES: usize = 61;
/// Before the length's own end: what the length does not count.
pub const OVERHEAD_BYTES: usize = 12;
const CRC_FROM: usize = 21;

fn i32_at(bytes: &[u8], at: usize) -> i32 {
    i32::from_be_bytes(bytes[at..at + 4].try_into().unwrap())
}

/// With at least HEADER_BYTES of it.
pub struct Header {
    pub base_offset: i64,
    pub size: usize,
    pub last_offset_delta: i32,
    pub record_count: i32,
}

impl Header {
    pub fn read(bytes: &[u8]) -> Header {
        Header {
            base_offset: i64::from_be_bytes(bytes[..8].try_into().unwrap()),
            size: i32_at(bytes, 8).max(0) as usize + OVERHEAD_BYTES,
            last_offset_delta: i32_at(bytes, 23),
            record_count: i32_at(bytes, 57),
        }
    }
}

/// Whether it is one whole batch with the checksum that it says.
// hot: per batch
pub fn is_sound(bytes: &[u8]) -> bool {
    bytes.len() >= HEADER_BYTES
        && Header::read(bytes).size == bytes.len()
        && bytes[16] == 2
        && crc32c(&bytes[CRC_FROM..]) == i32_at(bytes, 17) as u32
}

/// Offset and leader epoch, which the checksum does not cover.
// hot: per batch
pub fn stamp(bytes: &mut [u8], base_offset: i64) {
    bytes[..8].copy_from_slice(&base_offset.to_be_bytes());
    bytes[12..16].fill(0);
}

pub fn seal(bytes: &mut [u8]) {
    let crc = crc32c(&bytes[CRC_FROM..]);
    bytes[17..21].copy_from_slice(&crc.to_be_bytes());
}

/// Chance enough for letters.
struct Chance(u64);

impl Chance {
    fn letter(&mut self) -> u8 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        b'A' + ((self.0 >> 33) % 26) as u8
    }
}

/// A batch of records of random letters, which no compression on the way could make small.
pub fn make(size: usize, record_bytes: usize, timestamp: i64, seed: u64) -> Vec<u8> {
    let mut chance = Chance(seed);
    let mut bytes = vec![0; HEADER_BYTES];
    let mut record_count = 0i32;
    loop {
        let mut body = vec![0]; // attributes
        varint(&mut body, 0); // timestamp delta
        varint(&mut body, record_count.into()); // offset delta
        varint(&mut body, -1); // no key
        varint(&mut body, record_bytes as i64);
        body.extend((0..record_bytes).map(|_| chance.letter()));
        varint(&mut body, 0); // no headers
        let mut record = Vec::new();
        varint(&mut record, body.len() as i64);
        if record_count > 0 && bytes.len() + record.len() + body.len() > size {
            break;
        }
        bytes.extend(record);
        bytes.extend(body);
        record_count += 1;
    }
    let length = (bytes.len() - OVERHEAD_BYTES) as i32;
    bytes[8..12].copy_from_slice(&length.to_be_bytes());
    bytes[12..16].fill(0xff);
    bytes[16] = 2;
    bytes[23..27].copy_from_slice(&(record_count - 1).to_be_bytes());
    bytes[27..35].copy_from_slice(&timestamp.to_be_bytes());
    bytes[35..43].copy_from_slice(&timestamp.to_be_bytes());
    bytes[43..57].fill(0xff); // no producer
    bytes[57..61].copy_from_slice(&record_count.to_be_bytes());
    seal(&mut bytes);
    bytes
}

fn varint(bytes: &mut Vec<u8>, value: i64) {
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    while rest >= 0x80 {
        bytes.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    bytes.push(rest as u8);
}
