/**
 * Connections between two processes of one machine, on Bun: there is no network whose room would have to be found out.
 *
 * Where the system's congestion control is BBR, a timer is set for every 64 KiB, and to set one is an exit to the host of a
 * virtual machine: 40 % of what sending a log out of the page cache cost the broker. Reno, which every Linux lets any process
 * take, sets none on connections that began with it: a listener that is only reached from this machine passes it on to them,
 * others are told one by one, and keep a timer that hardly ever has to wait.
 */

import { isLinux, openFfi, openFirst } from "./bun_ffi.ts";

const IPPROTO_TCP = 6;
const TCP_CONGESTION = 13;

const unpaced = new TextEncoder().encode("reno");

interface Symbols {
  setsockopt(
    descriptor: number,
    level: number,
    name: number,
    value: Uint8Array,
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
  return (descriptor) => void libc.setsockopt(descriptor, IPPROTO_TCP, TCP_CONGESTION, unpaced, unpaced.length);
}

/** A machine reaches itself by the same address on both ends. */
export function isLocalPeer(ends: { readonly remoteHostname: string; readonly localHostname: string }): boolean {
  return ends.remoteHostname === ends.localHostname || isLoopback(ends.remoteHostname);
}

export function isLoopback(address: string): boolean {
  return address === "localhost" || address === "::1" || /^(::ffff:)?127\./.test(address);
}
