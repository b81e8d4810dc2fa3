//! As much of a coordinator as a consumer must have before it reads: a group has one member, which leads it and gets what it asks for.
//!
//! Nothing is kept and nobody is timed out. A commit is answered and forgotten; offsets are never known, so a reader starts where
//! it says.

use crate::wire::{error, Reader, Write};

const MEMBER: &[u8] = b"member";
const GENERATION: i32 = 1;

pub fn init_producer_id(out: &mut Vec<u8>, producer_id: i64) {
    out.i32(0).i16(error::NONE).i64(producer_id).i16(0).no_tags();
}

pub fn find_coordinator(mut reader: Reader, port: u16, out: &mut Vec<u8>) -> Option<()> {
    reader.i8()?; // key type
    let key_count = reader.count()?;
    out.i32(0).count(key_count);
    for _ in 0..key_count {
        out.bytes(reader.bytes()?).i32(1).bytes(b"127.0.0.1").i32(port as i32).i16(error::NONE).none().no_tags();
    }
    out.no_tags();
    Some(())
}

pub fn join(mut reader: Reader, out: &mut Vec<u8>) -> Option<()> {
    reader.bytes()?; // group
    reader.i32()?; // session timeout
    reader.i32()?; // rebalance timeout
    reader.bytes()?; // member
    reader.bytes()?; // instance
    let protocol_type = reader.bytes()?;
    if reader.count()? == 0 {
        return None;
    }
    let (protocol, metadata) = (reader.bytes()?, reader.bytes()?); // the one it likes best
    out.i32(0).i16(error::NONE).i32(GENERATION).bytes(protocol_type).bytes(protocol).bytes(MEMBER).i8(0).bytes(MEMBER);
    out.count(1).bytes(MEMBER).none().bytes(metadata).no_tags().no_tags();
    Some(())
}

pub fn sync(mut reader: Reader, out: &mut Vec<u8>) -> Option<()> {
    reader.bytes()?; // group
    reader.i32()?; // generation
    reader.bytes()?; // member
    reader.bytes()?; // instance
    let (protocol_type, protocol) = (reader.bytes()?, reader.bytes()?);
    if reader.count()? == 0 {
        return None;
    }
    reader.bytes()?; // the member
    out.i32(0).i16(error::NONE).bytes(protocol_type).bytes(protocol).bytes(reader.bytes()?).no_tags();
    Some(())
}

pub fn heartbeat(out: &mut Vec<u8>) {
    out.i32(0).i16(error::NONE).no_tags();
}

pub fn leave(out: &mut Vec<u8>) {
    out.i32(0).i16(error::NONE).count(0).no_tags();
}

pub fn commit(mut reader: Reader, out: &mut Vec<u8>) -> Option<()> {
    reader.bytes()?; // group
    reader.i32()?; // generation
    reader.bytes()?; // member
    reader.bytes()?; // instance
    let topic_count = reader.count()?;
    out.i32(0).count(topic_count);
    for _ in 0..topic_count {
        out.bytes(reader.bytes()?);
        let partition_count = reader.count()?;
        out.count(partition_count);
        for _ in 0..partition_count {
            out.i32(reader.i32()?).i16(error::NONE).no_tags();
            reader.i64()?; // offset
            reader.i32()?; // leader epoch
            reader.bytes()?; // metadata
            reader.skip_tags()?;
        }
        reader.skip_tags()?;
        out.no_tags();
    }
    out.no_tags();
    Some(())
}

pub fn fetch_offsets(mut reader: Reader, out: &mut Vec<u8>) -> Option<()> {
    let group_count = reader.count()?;
    out.i32(0).count(group_count);
    for _ in 0..group_count {
        out.bytes(reader.bytes()?);
        reader.bytes()?; // member
        reader.i32()?; // epoch
        let topic_count = reader.count()?;
        out.count(topic_count);
        for _ in 0..topic_count {
            out.bytes(reader.bytes()?);
            let partition_count = reader.count()?;
            out.count(partition_count);
            for _ in 0..partition_count {
                out.i32(reader.i32()?).i64(-1).i32(-1).bytes(b"").i16(error::NONE).no_tags();
            }
            reader.skip_tags()?;
            out.no_tags();
        }
        reader.skip_tags()?;
        out.i16(error::NONE).no_tags();
    }
    out.no_tags();
    Some(())
}
