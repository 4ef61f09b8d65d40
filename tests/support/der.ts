/** The few pieces of DER (X.690) that certificates are made of. */

/** One element: tag, length, contents. */
export function element(tag: number, ...contents: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const length = contents.reduce((sum, part) => sum + part.length, 0);
  return concat([Uint8Array.of(tag, ...lengthBytes(length)), ...contents]);
}

/** SEQUENCE. */
export const sequence = (...items: Uint8Array[]): Uint8Array<ArrayBuffer> => element(0x30, ...items);

/** SET. */
export const set = (...items: Uint8Array[]): Uint8Array<ArrayBuffer> => element(0x31, ...items);

/** OCTET STRING around encoded contents. */
export const octetString = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => element(0x04, bytes);

/** BIT STRING without unused bits. */
export const bitString = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => element(0x03, Uint8Array.of(0), bytes);

/** BOOLEAN true. */
export const TRUE: Uint8Array<ArrayBuffer> = Uint8Array.of(0x01, 0x01, 0xff);

/** INTEGER of big-endian bytes that are taken as positive. */
export function integer(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes[0]! & 0x80 ? element(0x02, Uint8Array.of(0), bytes) : element(0x02, bytes);
}

/** UTF8String. */
export const utf8String = (text: string): Uint8Array<ArrayBuffer> => element(0x0c, new TextEncoder().encode(text));

/** GeneralizedTime in UTC, to the second. */
export function generalizedTime(time: Date): Uint8Array<ArrayBuffer> {
  const digits = time.toISOString().replace(/\.\d+Z$/, "").replace(/\D/g, "");
  return element(0x18, new TextEncoder().encode(`${digits}Z`));
}

/** UTCTime, which certificates use for years before 2050. */
export function utcTime(time: Date): Uint8Array<ArrayBuffer> {
  const digits = time.toISOString().replace(/\.\d+Z$/, "").replace(/\D/g, "").slice(2);
  return element(0x17, new TextEncoder().encode(`${digits}Z`));
}

/** OBJECT IDENTIFIER from its dotted form. */
export function objectIdentifier(dotted: string): Uint8Array<ArrayBuffer> {
  const [first, second, ...rest] = dotted.split(".").map(Number);
  return element(0x06, Uint8Array.from([40 * first! + second!, ...rest.flatMap(base128)]));
}

/** PEM text of DER bytes. */
export function pem(label: string, der: Uint8Array): string {
  const base64 = btoa(String.fromCharCode(...der)).replace(/.{64}(?=.)/g, "$&\n");
  return `-----BEGIN ${label}-----\n${base64}\n-----END ${label}-----\n`;
}

function concat(parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) whole.set(part, offset), offset += part.length;
  return whole;
}

function lengthBytes(length: number): number[] {
  if (length < 0x80) return [length];
  const bytes = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return [0x80 | bytes.length, ...bytes];
}

function base128(arc: number): number[] {
  const bytes = [arc % 128];
  for (let rest = Math.floor(arc / 128); rest > 0; rest = Math.floor(rest / 128)) bytes.unshift(0x80 | rest % 128);
  return bytes;
}
