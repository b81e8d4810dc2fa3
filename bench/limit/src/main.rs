//! What the machine can do at all, and load from a client that is not what limits: see bench/limit/limit.ts.
//!
//! One thread each (members of groups join in some more), an epoll loop, nothing but Rust's own library and the C library under it.

mod batch;
mod client;
mod crc32c;
mod histogram;
mod incoming;
mod options;
mod server;
mod system;
mod wire;

use options::Options;
use std::process::exit;

const USAGE: &str = "limit serve    --port PORT --data FOLDER [--read sendfile|mmap] [--congestion NAME]
limit produce  --port PORT --topic NAME [--partitions 1] [--batch-bytes 65536,…] [--record-bytes 1024] [--batch-files A,B]
               [--total-bytes N | --seconds S] [--connections 2] [--in-flight 5] [--acks all|1|0] [--rate REQUESTS-A-SECOND]
               [--end-to-end true]
limit consume  --port PORT --topic NAME [--partitions 1] [--total-bytes N | --seconds S] [--connections 1] [--repeat true]
               [--until-end true] [--max-bytes 52428800] [--partition-max-bytes 1048576] [--max-wait-ms 500] [--min-bytes 1]
               [--group STEM] [--commit-ms 500]";

fn main() {
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next().unwrap_or_default();
    let result = match command.as_str() {
        "serve" => Options::parse(arguments).and_then(|options| server::serve(&options)),
        "produce" => Options::parse(arguments).and_then(|options| client::produce::run(&options)),
        "consume" => Options::parse(arguments).and_then(|options| client::consume::run(&options)),
        _ => Err(format!("There is no command \"{command}\"\n{USAGE}")),
    };
    if let Err(message) = result {
        eprintln!("{message}");
        exit(1);
    }
}
