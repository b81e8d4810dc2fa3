//! The system calls that Rust's own library has no name for. The C library that declares them is linked anyway.

use std::ffi::{c_int, c_void};
use std::io::{Error, Result};
use std::os::fd::{AsRawFd, RawFd};

pub const READABLE: u32 = 0x001;
pub const WRITABLE: u32 = 0x004;

#[cfg_attr(target_arch = "x86_64", repr(C, packed))]
#[cfg_attr(not(target_arch = "x86_64"), repr(C))]
#[derive(Clone, Copy)]
pub struct Event {
    pub kinds: u32,
    pub token: u64,
}

#[repr(C)]
struct TimeSpec {
    seconds: i64,
    nanoseconds: i64,
}

#[repr(C)]
struct TimerSpec {
    interval: TimeSpec,
    value: TimeSpec,
}

extern "C" {
    fn epoll_create1(flags: c_int) -> c_int;
    fn epoll_ctl(epoll: c_int, operation: c_int, descriptor: c_int, event: *mut Event) -> c_int;
    fn epoll_wait(epoll: c_int, events: *mut Event, count: c_int, timeout_ms: c_int) -> c_int;
    fn sendfile(socket: c_int, file: c_int, offset: *mut i64, count: usize) -> isize;
    fn send(socket: c_int, bytes: *const c_void, count: usize, flags: c_int) -> isize;
    fn mmap(address: *mut c_void, length: usize, protection: c_int, flags: c_int, file: c_int, offset: i64) -> *mut c_void;
    fn clock_gettime(clock: c_int, time: *mut TimeSpec) -> c_int;
    fn timerfd_create(clock: c_int, flags: c_int) -> c_int;
    fn timerfd_settime(timer: c_int, flags: c_int, value: *const TimerSpec, old: *mut TimerSpec) -> c_int;
    fn read(descriptor: c_int, bytes: *mut c_void, count: usize) -> isize;
    fn setsockopt(socket: c_int, level: c_int, name: c_int, value: *const c_void, length: u32) -> c_int;
}

/// The congestion control of what a listener accepts, by the name that the system has for it.
pub fn set_congestion(listener: RawFd, name: &str) -> Result<()> {
    const IPPROTO_TCP: c_int = 6;
    const TCP_CONGESTION: c_int = 13;
    let value = name.as_ptr().cast();
    checked(unsafe { setsockopt(listener, IPPROTO_TCP, TCP_CONGESTION, value, name.len() as u32) }).map(|_| ())
}

fn checked(result: c_int) -> Result<c_int> {
    if result < 0 { Err(Error::last_os_error()) } else { Ok(result) }
}

fn checked_count(result: isize) -> Result<usize> {
    if result < 0 { Err(Error::last_os_error()) } else { Ok(result as usize) }
}

pub struct Poll {
    epoll: RawFd,
}

impl Poll {
    pub fn new() -> Result<Poll> {
        Ok(Poll { epoll: checked(unsafe { epoll_create1(0x80000) })? })
    }

    pub fn add(&self, descriptor: RawFd, kinds: u32, token: usize) -> Result<()> {
        self.control(1, descriptor, kinds, token)
    }

    pub fn change(&self, descriptor: RawFd, kinds: u32, token: usize) -> Result<()> {
        self.control(3, descriptor, kinds, token)
    }

    /// A negative timeout is none. A signal counts as nothing having happened.
    pub fn wait<'events>(&self, events: &'events mut [Event], timeout_ms: i32) -> Result<&'events [Event]> {
        let count = unsafe { epoll_wait(self.epoll, events.as_mut_ptr(), events.len() as c_int, timeout_ms) };
        match checked(count) {
            Ok(count) => Ok(&events[..count as usize]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => Ok(&[]),
            Err(error) => Err(error),
        }
    }

    fn control(&self, operation: c_int, descriptor: RawFd, kinds: u32, token: usize) -> Result<()> {
        let mut event = Event { kinds, token: token as u64 };
        checked(unsafe { epoll_ctl(self.epoll, operation, descriptor, &mut event) }).map(|_| ())
    }
}

/// From the page cache to the socket, without passing through this process.
pub fn send_file(socket: &impl AsRawFd, file: &impl AsRawFd, position: u64, count: usize) -> Result<usize> {
    let mut offset = position as i64;
    checked_count(unsafe { sendfile(socket.as_raw_fd(), file.as_raw_fd(), &mut offset, count) })
}

/// `more` says that more follows at once, so that a small head does not travel alone.
pub fn send_bytes(socket: &impl AsRawFd, bytes: &[u8], more: bool) -> Result<usize> {
    let flags = 0x4000 | if more { 0x8000 } else { 0 }; // MSG_NOSIGNAL, MSG_MORE
    checked_count(unsafe { send(socket.as_raw_fd(), bytes.as_ptr().cast(), bytes.len(), flags) })
}

/// A file mapped to be read, past its end too: what is written to it later can be read here. Never unmapped.
pub struct Map {
    address: *const u8,
    length: usize,
}

impl Map {
    pub fn of(file: &impl AsRawFd, length: usize) -> Result<Map> {
        // PROT_READ; MAP_SHARED | MAP_NORESERVE
        let address = unsafe { mmap(std::ptr::null_mut(), length, 1, 0x4001, file.as_raw_fd(), 0) };
        if address as isize == -1 { Err(Error::last_os_error()) } else { Ok(Map { address: address.cast(), length }) }
    }

    /// The caller knows that the file has been written as far as `end`.
    pub fn bytes(&self, start: usize, end: usize) -> &[u8] {
        assert!(start <= end && end <= self.length);
        unsafe { std::slice::from_raw_parts(self.address.add(start), end - start) }
    }
}

/// Nanoseconds of a clock that only goes forward.
pub fn now() -> u64 {
    clock(1)
}

/// Nanoseconds that this process has spent on a processor.
pub fn own_cpu() -> u64 {
    clock(2)
}

fn clock(id: c_int) -> u64 {
    let mut time = TimeSpec { seconds: 0, nanoseconds: 0 };
    unsafe { clock_gettime(id, &mut time) };
    time.seconds as u64 * 1_000_000_000 + time.nanoseconds as u64
}

/// Becomes readable when a moment has come: epoll alone counts in milliseconds.
pub struct Timer {
    descriptor: RawFd,
}

impl Timer {
    pub fn new() -> Result<Timer> {
        Ok(Timer { descriptor: checked(unsafe { timerfd_create(1, 0x80800) })? })
    }

    pub fn set(&self, moment: u64) -> Result<()> {
        let value = TimeSpec { seconds: (moment / 1_000_000_000) as i64, nanoseconds: (moment % 1_000_000_000) as i64 };
        let spec = TimerSpec { interval: TimeSpec { seconds: 0, nanoseconds: 0 }, value };
        checked(unsafe { timerfd_settime(self.descriptor, 1, &spec, std::ptr::null_mut()) }).map(|_| ())
    }

    pub fn clear(&self) {
        let mut count = 0u64;
        unsafe { read(self.descriptor, (&mut count as *mut u64).cast(), 8) };
    }
}

impl AsRawFd for Timer {
    fn as_raw_fd(&self) -> RawFd {
        self.descriptor
    }
}
