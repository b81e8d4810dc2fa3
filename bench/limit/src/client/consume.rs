//! Fetches a topic from its start, on each of several connections; each of them may be the member of a group of its own.

use super::admin::{address, Admin, EARLIEST, LATEST};
use super::fetcher::{FetchLimits, Fetcher, Progress};
use super::group::Member;
use super::{connect, failed};
use crate::options::Options;
use crate::system::{now, own_cpu, Event, Poll, READABLE};
use std::net::SocketAddr;
use std::os::fd::AsRawFd;

const SECOND: u64 = 1_000_000_000;

struct Goal {
    address: SocketAddr,
    topic: String,
    partitions: usize,
    /// Of each connection.
    bytes: u64,
    end: u64,
    /// Where it was at the start, when that is where reading ends or begins anew.
    last_offsets: Option<Vec<i64>>,
    is_repeated: bool,
    skipped_records: u64,
}

pub fn run(options: &Options) -> Result<(), String> {
    let address = address(options)?;
    let topic = options.required("topic")?.to_string();
    let partitions: usize = options.get("partitions", 1)?;
    let connections: usize = options.get("connections", 1)?;
    let total_bytes: u64 = options.get("total-bytes", u64::MAX)?;
    let seconds: f64 = options.get("seconds", f64::INFINITY)?;
    let is_repeated = options.get("repeat", false)?;
    let ends = options.get("until-end", false)?;
    let [max_wait_ms, min_bytes] = [options.get("max-wait-ms", 500)?, options.get("min-bytes", 1)?];
    let [max_bytes, partition_max_bytes] = [options.get("max-bytes", 50 << 20)?, options.get("partition-max-bytes", 1 << 20)?];
    let group = options.text("group");
    let commit_ms: u64 = options.get("commit-ms", 500)?;
    options.refuse_others()?;
    if total_bytes == u64::MAX && seconds.is_infinite() && !ends {
        return Err("Option --total-bytes, --seconds or --until-end is missing".to_string());
    }
    let mut admin = Admin::connect(address)?;
    let first_offsets = admin.offsets(&topic, partitions, EARLIEST)?;
    let last_offsets = if ends || is_repeated { Some(admin.offsets(&topic, partitions, LATEST)?) } else { None };
    let mut fetchers = (0..connections)
        .map(|_| {
            let limits = FetchLimits { max_wait_ms, min_bytes, max_bytes, partition_max_bytes };
            Ok(Fetcher::new(connect(address)?, &topic, first_offsets.clone(), limits))
        })
        .collect::<Result<Vec<_>, String>>()?;
    let mut members = match group {
        None => Vec::new(),
        Some(stem) => {
            let members = join_all(address, stem, &topic, partitions, connections, commit_ms)?;
            println!("joined");
            members
        }
    };
    let (cpu, start) = (own_cpu(), now());
    let mut goal = Goal {
        address,
        topic,
        partitions,
        bytes: if total_bytes == u64::MAX { u64::MAX } else { total_bytes.div_ceil(connections as u64) },
        end: if seconds.is_infinite() { u64::MAX } else { start + (seconds * 1e9) as u64 },
        last_offsets,
        is_repeated,
        skipped_records: 0,
    };
    let first = work(&mut goal, &mut fetchers, &mut members)?;
    // A group waits for what is produced once all have joined: that is not its time.
    let start = if members.is_empty() { start } else { first };
    println!(
        "{{\"bytes\":{},\"records\":{},\"requests\":{},\"seconds\":{:.6},\"cpuSeconds\":{:.6},\"skippedRecords\":{}}}",
        fetchers.iter().map(|fetcher| fetcher.bytes).sum::<u64>(),
        fetchers.iter().map(|fetcher| fetcher.records).sum::<u64>(),
        fetchers.iter().map(|fetcher| fetcher.requests).sum::<u64>(),
        (now() - start) as f64 / 1e9,
        (own_cpu() - cpu) as f64 / 1e9,
        goal.skipped_records,
    );
    members.into_iter().zip(&fetchers).try_for_each(|(member, fetcher)| member.close(&fetcher.offsets))
}

/// At the same time: a broker may wait for more members before it lets one in.
fn join_all(
    address: SocketAddr,
    stem: &str,
    topic: &str,
    partitions: usize,
    count: usize,
    commit_ms: u64,
) -> Result<Vec<Member>, String> {
    std::thread::scope(|scope| {
        let period = commit_ms * 1_000_000;
        let joining: Vec<_> = (0..count)
            .map(|index| scope.spawn(move || Member::join(address, format!("{stem}-{index}"), topic, partitions, period)))
            .collect();
        joining.into_iter().map(|one| one.join().expect("A member joins or says why it cannot")).collect()
    })
}

/// Returns when the first bytes came.
fn work(goal: &mut Goal, fetchers: &mut [Fetcher], members: &mut [Member]) -> Result<u64, String> {
    let poll = Poll::new().map_err(failed)?;
    for (token, fetcher) in fetchers.iter_mut().enumerate() {
        poll.add(fetcher.socket.as_raw_fd(), READABLE, token).map_err(failed)?;
        fetcher.ask()?;
    }
    for (index, member) in members.iter().enumerate() {
        poll.add(member.socket.as_raw_fd(), READABLE, fetchers.len() + index).map_err(failed)?;
    }
    let mut active = fetchers.len();
    let mut last_bytes = now();
    let mut first_bytes = None;
    let mut events = [Event { kinds: 0, token: 0 }; 64];
    while active > 0 {
        if now() >= goal.end {
            break;
        }
        if now() - last_bytes > 60 * SECOND {
            return Err("Nothing has come for a minute".to_string());
        }
        for event in poll.wait(&mut events, 100).map_err(failed)? {
            let token = event.token as usize;
            if token >= fetchers.len() {
                members[token - fetchers.len()].receive()?;
                continue;
            }
            let fetcher = &mut fetchers[token];
            let before = fetcher.bytes;
            loop {
                match fetcher.receive(&mut |_| ())? {
                    Progress::Waiting => break,
                    Progress::OutOfRange(partition) => goal.skip(fetcher, partition)?,
                    Progress::Answered if goal.is_reached(fetcher) => {
                        active -= 1;
                        break;
                    }
                    Progress::Answered => fetcher.ask()?,
                }
            }
            if fetcher.bytes > before {
                last_bytes = now();
                first_bytes.get_or_insert(last_bytes);
            }
        }
        for (member, fetcher) in members.iter_mut().zip(fetchers.iter()) {
            member.take_turn(&fetcher.offsets)?;
        }
    }
    Ok(first_bytes.unwrap_or_else(now))
}

impl Goal {
    /// Retention went past us.
    fn skip(&mut self, fetcher: &mut Fetcher, partition: usize) -> Result<(), String> {
        let first = Admin::connect(self.address)?.offsets(&self.topic, self.partitions, EARLIEST)?[partition];
        self.skipped_records += (first - fetcher.offsets[partition]).max(0) as u64;
        fetcher.offsets[partition] = first;
        Ok(())
    }

    fn is_reached(&self, fetcher: &mut Fetcher) -> bool {
        if fetcher.bytes >= self.bytes {
            return true;
        }
        let Some(last_offsets) = &self.last_offsets else { return false };
        let is_at_end = fetcher.offsets.iter().zip(last_offsets).all(|(offset, last)| offset >= last);
        if is_at_end && self.is_repeated {
            fetcher.offsets.fill(0);
        }
        is_at_end && !self.is_repeated
    }
}
