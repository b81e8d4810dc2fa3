//! Produces premade batches: as many as go through, or at a fixed rate.
//!
//! At a fixed rate, a request has a moment at which it is to be sent, whatever became of those before it. Its latency counts from
//! then, so a broker that stands still is charged for all that it held up. Without a rate the moment is when the request is made.

use super::admin::{address, Admin, LATEST};
use super::fetcher::{FetchLimits, Fetcher, Progress};
use super::producer::{Producer, Request};
use super::{connect, failed};
use crate::batch::{self, Header, HEADER_BYTES};
use crate::histogram::Histogram;
use crate::options::Options;
use crate::system::{now, own_cpu, Event, Poll, Timer, READABLE, WRITABLE};
use std::collections::VecDeque;
use std::os::fd::AsRawFd;
use std::time::{SystemTime, UNIX_EPOCH};

const SECOND: u64 = 1_000_000_000;
/// Without any answer for so long, the load has failed.
const PATIENCE: u64 = 60 * SECOND;

struct Load {
    topic: String,
    partitions: usize,
    batches: Vec<Vec<u8>>,
    record_counts: Vec<u64>,
    in_flight: usize,
    acks: i16,
    total_bytes: u64,
    start: u64,
    /// No request whose moment is this or later.
    end: u64,
    /// Latencies of requests before this are not counted.
    warm: u64,
    /// Between two requests; 0 is as fast as they go.
    interval: u64,
    requests: u64,
    sent_bytes: u64,
}

/// What has come of it.
struct Tally {
    bytes: u64,
    records: u64,
    requests: u64,
    latency: Histogram,
    end_to_end: Histogram,
    /// Moments of the batches of each partition that no consumer has seen yet.
    unseen: Vec<VecDeque<u64>>,
}

pub fn run(options: &Options) -> Result<(), String> {
    let address = address(options)?;
    let connections: usize = options.get("connections", 2)?;
    let is_end_to_end = options.get("end-to-end", false)?;
    let warm_up_seconds: f64 = options.get("warm-up-seconds", 0.0)?;
    let seconds: f64 = options.get("seconds", f64::INFINITY)?;
    let mut load = read_load(options)?;
    options.refuse_others()?;
    if load.total_bytes == u64::MAX && seconds.is_infinite() {
        return Err("Option --total-bytes or --seconds is missing".to_string());
    }
    let sockets = (0..connections).map(|_| connect(address)).collect::<Result<Vec<_>, _>>()?;
    let mut producers: Vec<Producer> = sockets.into_iter().map(|socket| Producer::new(socket, load.acks)).collect();
    let mut fetcher = None;
    if is_end_to_end {
        let offsets = Admin::connect(address)?.offsets(&load.topic, load.partitions, LATEST)?;
        let limits = FetchLimits { max_wait_ms: 500, min_bytes: 1, max_bytes: 50 << 20, partition_max_bytes: 1 << 20 };
        fetcher = Some(Fetcher::new(connect(address)?, &load.topic, offsets, limits));
    }
    let mut tally = Tally {
        bytes: 0,
        records: 0,
        requests: 0,
        latency: Histogram::new(),
        end_to_end: Histogram::new(),
        unseen: if is_end_to_end { vec![VecDeque::new(); load.partitions] } else { Vec::new() },
    };
    let cpu = own_cpu();
    load.start = now();
    let after = |seconds: f64| if seconds.is_infinite() { u64::MAX } else { load.start + (seconds * 1e9) as u64 };
    (load.warm, load.end) = (after(warm_up_seconds), after(warm_up_seconds + seconds));
    work(&mut load, &mut producers, &mut fetcher, &mut tally)?;
    println!(
        "{{\"bytes\":{},\"records\":{},\"requests\":{},\"seconds\":{:.6},\"cpuSeconds\":{:.6},\"latency\":{},\"endToEnd\":{}}}",
        tally.bytes,
        tally.records,
        tally.requests,
        (now() - load.start) as f64 / 1e9,
        (own_cpu() - cpu) as f64 / 1e9,
        tally.latency.json(),
        if is_end_to_end { tally.end_to_end.json() } else { "null".to_string() },
    );
    Ok(())
}

fn read_load(options: &Options) -> Result<Load, String> {
    let acks = match options.text("acks").unwrap_or("all") {
        "all" | "-1" => -1,
        "1" => 1,
        "0" => 0,
        other => return Err(format!("Invalid value \"{other}\" for --acks: must be all, 1 or 0")),
    };
    let rate: f64 = options.get("rate", 0.0)?;
    let batches = batches(options)?;
    Ok(Load {
        topic: options.required("topic")?.to_string(),
        partitions: options.get("partitions", 1)?,
        record_counts: batches.iter().map(|bytes| Header::read(bytes).record_count as u64).collect(),
        batches,
        in_flight: options.get("in-flight", 5)?,
        acks,
        total_bytes: options.get("total-bytes", u64::MAX)?,
        start: 0,
        end: 0,
        warm: 0,
        interval: if rate > 0.0 { (1e9 / rate) as u64 } else { 0 },
        requests: 0,
        sent_bytes: 0,
    })
}

fn batches(options: &Options) -> Result<Vec<Vec<u8>>, String> {
    let sizes = options.text("batch-bytes").unwrap_or("65536").to_string();
    let record_bytes: usize = options.get("record-bytes", 1024)?;
    if let Some(paths) = options.text("batch-files") {
        return paths.split(',').map(|path| {
            let bytes = std::fs::read(path).map_err(|cause| format!("Cannot read \"{path}\": {cause}"))?;
            if batch::is_sound(&bytes) { Ok(bytes) } else { Err(format!("\"{path}\" holds no whole record batch")) }
        }).collect();
    }
    let since = SystemTime::now().duration_since(UNIX_EPOCH).map_err(|cause| cause.to_string())?;
    sizes.split(',').zip(1..).map(|(text, seed)| {
        let size: usize = text.parse().map_err(|_| format!("Invalid value \"{text}\" for --batch-bytes"))?;
        Ok(batch::make(size.max(HEADER_BYTES), record_bytes, since.as_millis() as i64, seed))
    }).collect()
}

fn work(
    load: &mut Load,
    producers: &mut [Producer],
    fetcher: &mut Option<Fetcher>,
    tally: &mut Tally,
) -> Result<(), String> {
    let poll = Poll::new().map_err(failed)?;
    let timer = Timer::new().map_err(failed)?;
    let (fetcher_token, timer_token) = (producers.len(), producers.len() + 1);
    for (token, producer) in producers.iter().enumerate() {
        poll.add(producer.socket.as_raw_fd(), READABLE, token).map_err(failed)?;
    }
    poll.add(timer.as_raw_fd(), READABLE, timer_token).map_err(failed)?;
    if let Some(fetcher) = fetcher {
        poll.add(fetcher.socket.as_raw_fd(), READABLE, fetcher_token).map_err(failed)?;
        fetcher.ask()?;
    }
    let mut is_ending = false;
    let mut last_progress = now();
    let mut events = [Event { kinds: 0, token: 0 }; 64];
    loop {
        let has_more = load.give_out(producers, tally, &timer)?;
        if !has_more && !is_ending {
            is_ending = true;
            producers.iter_mut().for_each(|producer| producer.ask_for_end(now()));
        }
        for (token, producer) in producers.iter_mut().enumerate() {
            let was_blocked = producer.is_blocked;
            if !was_blocked {
                producer.send(&load.batches, &mut |request| tally.has_sent(load, request))?;
            }
            if producer.is_blocked && !was_blocked {
                poll.change(producer.socket.as_raw_fd(), READABLE | WRITABLE, token).map_err(failed)?;
            }
        }
        let is_all_answered = producers.iter().all(|producer| producer.in_flight() == 0);
        if is_ending && is_all_answered && tally.unseen.iter().all(VecDeque::is_empty) {
            return Ok(());
        }
        if load.acks == 0 && load.interval == 0 && has_more && producers.iter().all(|producer| !producer.is_blocked) {
            continue; // what is sent is over, and there is room for more
        }
        let seen = poll.wait(&mut events, 1000).map_err(failed)?;
        if seen.iter().any(|event| event.token as usize != timer_token) {
            last_progress = now();
        } else if now() - last_progress > PATIENCE {
            return Err("The broker has not answered for a minute".to_string());
        }
        for event in seen {
            let token = event.token as usize;
            if token == timer_token {
                timer.clear();
                continue;
            }
            if token == fetcher_token {
                let Some(fetcher) = fetcher else { continue };
                tally.has_fetched(load, fetcher)?;
                continue;
            }
            let producer = &mut producers[token];
            if event.kinds & WRITABLE != 0 {
                producer.send(&load.batches, &mut |request| tally.has_sent(load, request))?;
                if !producer.is_blocked {
                    poll.change(producer.socket.as_raw_fd(), READABLE, token).map_err(failed)?;
                }
            }
            if event.kinds & !WRITABLE != 0 {
                producer.receive(&mut |request| tally.has_answered(load, request))?;
            }
        }
    }
}

impl Load {
    /// Makes the requests whose time has come; false when there will be no more.
    fn give_out(&mut self, producers: &mut [Producer], tally: &mut Tally, timer: &Timer) -> Result<bool, String> {
        loop {
            let intended = if self.interval == 0 { now() } else { self.start + self.requests * self.interval };
            if self.sent_bytes >= self.total_bytes || intended >= self.end {
                return Ok(false);
            }
            if intended > now() {
                timer.set(intended).map_err(failed)?;
                return Ok(true);
            }
            let partition = self.requests as usize % self.partitions;
            // A partition always by the same connection when batches are to be told apart by their order.
            let chosen = match tally.unseen.is_empty() {
                true => (0..producers.len()).min_by_key(|index| producers[*index].in_flight()),
                false => Some(partition % producers.len()),
            };
            let Some(producer) = chosen.map(|index| &mut producers[index]) else { return Ok(false) };
            if producer.in_flight() >= self.in_flight || producer.is_blocked && self.acks == 0 {
                return Ok(true);
            }
            if self.interval == 0 && tally.unseen.get(partition).is_some_and(|moments| moments.len() >= self.in_flight) {
                return Ok(true); // as many as are on their way to the consumer
            }
            let batch = self.requests as usize % self.batches.len();
            let size = self.batches[batch].len();
            producer.produce(&self.topic, partition, batch, size, intended);
            if let Some(moments) = tally.unseen.get_mut(partition) {
                moments.push_back(intended);
            }
            self.requests += 1;
            self.sent_bytes += size as u64;
        }
    }
}

impl Tally {
    fn has_answered(&mut self, load: &Load, request: &Request) {
        let Some(batch) = request.batch else { return };
        if request.intended >= load.warm {
            self.latency.record(now() - request.intended);
        }
        self.bytes += load.batches[batch].len() as u64;
        self.records += load.record_counts[batch];
        self.requests += 1;
    }

    /// Only told of what has no answer.
    fn has_sent(&mut self, load: &Load, request: &Request) {
        self.has_answered(load, request);
    }

    fn has_fetched(&mut self, load: &Load, fetcher: &mut Fetcher) -> Result<(), String> {
        let (unseen, end_to_end) = (&mut self.unseen, &mut self.end_to_end);
        let mut see = |partition: usize| {
            if let Some(moment) = unseen[partition].pop_front() {
                if moment >= load.warm {
                    end_to_end.record(now() - moment);
                }
            }
        };
        loop {
            match fetcher.receive(&mut see)? {
                Progress::Waiting => return Ok(()),
                Progress::Answered => fetcher.ask()?,
                Progress::OutOfRange(partition) => return Err(format!("Partition {partition} was cut while it was read")),
            }
        }
    }
}
