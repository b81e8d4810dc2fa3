/**
 * Connections between two processes of one machine, on Bun: there is no network whose room would have to be found out.
 *
 * (1) No pacing. Where the system's congestion control is BBR, a timer is set for every 64 KiB, and to set one is an exit to the
 *     host of a virtual machine: 40 % of what sending a log out of the page cache cost the broker. Reno, which every Linux lets
 *     any process take, sets none on connections that began with it: a listener that is only reached from this machine passes it
 *     on to them, others are told one by one, and keep a timer that hardly ever has to wait.
 * (2) A short queue. Without a limit it grows to megabytes, which the peer then takes out in one go while we wait, and
 *     the other way round, and by then neither's cache has them.
 *
 * Others have what the system is set to.
 */

import { isLinux, openFfi, openFirst } from "./bun_ffi.ts";

/** The kernel doubles it. More is slower for a fast reader, less for one that asks for little at a time, as Java's does. */
const QUEUE_BYTES = 448 * 1024;

const SOL_SOCKET = 1;
const SO_SNDBUF = 7;
const IPPROTO_TCP = 6;
const TCP_CONGESTION = 13;

const queueBytes = new Int32Array([QUEUE_BYTES]);
const unpaced = new TextEncoder().encode("reno");

interface Symbols {
  setsockopt(
    descriptor: number,
    level: number,
    name: number,
    value: Int32Array | Uint8Array,
    sizeBytes: number,
  ): number;
}

/** Sets a socket up for a peer on this machine. What is refused stays as it was: it costs time, no more. */
export type SetUpLocalPeer = (descriptor: number) => void;

/** Null where it cannot be. */
export function openLocalPeers(): SetUpLocalPeer | null {
  const ffi = openFfi();
  if (ffi === null || !isLinux) return null;
  const libc = openFirst<Symbols>(ffi, {
    setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" },
  });
  if (libc === null) return null;
  return (descriptor) => {
    libc.setsockopt(descriptor, IPPROTO_TCP, TCP_CONGESTION, unpaced, unpaced.length); // (1)
    libc.setsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, queueBytes, queueBytes.byteLength); // (2)
  };
}

/** A machine reaches itself by the same address on both ends. */
export function isLocalPeer(ends: { readonly remoteHostname: string; readonly localHostname: string }): boolean {
  return ends.remoteHostname === ends.localHostname || isLoopback(ends.remoteHostname);
}

export function isLoopback(address: string): boolean {
  return address === "localhost" || address === "::1" || /^(::ffff:)?127\./.test(address);
}
