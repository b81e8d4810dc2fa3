/** Addresses as they are compared: one spelling for each. */

const ipv4 = /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$/;
const mappedIpv4 = /^\[::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})\]$/;

/**
 * The one spelling of an IPv4 or IPv6 address; null for what is none. Of names, "localhost" is the one that needs no one
 * asked. An IPv4 address inside an IPv6 one is the IPv4 address, as in Java.
 */
export function canonicalAddress(text: string): string | null {
  if (text === "localhost") return "127.0.0.1";
  if (ipv4.test(text)) return text.split(".").map(Number).join(".");
  if (!/^[0-9a-fA-F:.]*:[0-9a-fA-F:.]*$/.test(text) || !URL.canParse(`http://[${text}]/`)) return null;
  const { hostname } = new URL(`http://[${text}]/`);
  const mapped = mappedIpv4.exec(hostname);
  if (mapped === null) return hostname.slice(1, -1);
  const [high, low] = [Number.parseInt(mapped[1]!, 16), Number.parseInt(mapped[2]!, 16)];
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
}
