/** What a peer speaks that begins with these bytes. */

const HTTP_REQUEST = /^(GET|HEAD|POST|PUT|DELETE|OPTIONS|CONNECT|PATCH|TRACE|PRI) /;
/** Bytes that are looked at: the longest method of HTTP and the space behind it, and more. */
const LOOKED_AT = 16;

/**
 * Names the protocol that a peer begins to speak, for who has come to the wrong port: `a TLS hello`.
 *
 * @param bytes the first that have come
 * @returns `undefined`: it is none that is known, or there are too few bytes to tell
 */
export function describeHello(bytes: Uint8Array): string | undefined {
  // RFC 8446 §5.1: a record of type handshake and its version, 3.1 to 3.4.
  if (bytes.length >= 3 && bytes[0] === 0x16 && bytes[1] === 3 && bytes[2]! <= 4) return "a TLS hello";
  const text = String.fromCharCode(...bytes.subarray(0, LOOKED_AT));
  if (HTTP_REQUEST.test(text)) return "an HTTP request";
  if (text.startsWith("SSH-")) return "an SSH hello";
  if (text.startsWith("PROXY ") || text.startsWith("\r\n\r\n\0\r\nQUIT\n")) return "a PROXY protocol header";
  return isConnect(bytes, text) ? "an MQTT CONNECT" : undefined;
}

/** CONNECT, its remaining length in one to four bytes, and the protocol's name behind the two bytes of its length. */
function isConnect(bytes: Uint8Array, text: string): boolean {
  const name = text.indexOf("MQ");
  return (bytes[0]! & 0xf0) === 0x10 && name >= 4 && name <= 7 && bytes[name - 2] === 0;
}
