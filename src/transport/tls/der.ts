/** A reader for DER (X.690), as far as certificates and revocation lists need one. */

/** One element of DER. */
export interface Element {
  readonly tag: number;
  /** With tag and length. */
  readonly whole: Uint8Array;
  readonly contents: Uint8Array;
}

/**
 * Reads the elements that `bytes` is made of.
 *
 * @throws {RangeError} if they do not fill it exactly
 */
export function readElements(bytes: Uint8Array): Element[] {
  const elements: Element[] = [];
  for (let start = 0; start < bytes.length;) {
    const element = readElement(bytes, start);
    elements.push(element);
    start += element.whole.length;
  }
  return elements;
}

/** The elements inside of `element`. @throws {RangeError} if there is no such element or it is not made of elements */
export function inside(element: Element | undefined): Element[] {
  if (!element) throw new RangeError("DER: an element is missing");
  return readElements(element.contents);
}

/** An INTEGER as lower-case hexadecimal without leading zeros. */
export function hexadecimal(bytes: Uint8Array): string {
  return bytes.toHex().replace(/^0+(?=.)/, "");
}

/** An OBJECT IDENTIFIER in its dotted form. */
export function dotted(identifier: Uint8Array): string {
  const arcs: number[] = [];
  let arc = 0;
  for (const byte of identifier) {
    arc = arc * 128 + (byte & 0x7f);
    if (byte & 0x80) continue;
    arcs.push(arc);
    arc = 0;
  }
  const [first = 0, ...rest] = arcs;
  const top = Math.min(2, Math.floor(first / 40));
  return [top, first - 40 * top, ...rest].join(".");
}

/** A UTCTime or GeneralizedTime, as RFC 5280 §4.1.2.5 restricts them. @throws {RangeError} if it is neither */
export function readTime(element: Element): Date {
  const text = new TextDecoder().decode(element.contents);
  const century = element.tag === UTC_TIME ? (Number(text.slice(0, 2)) < 50 ? "20" : "19") : "";
  const parts = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(century + text);
  if (!parts) throw new RangeError(`DER: expected a time: got ${text}`);
  const [, year, month, day, hour, minute, second] = parts;
  return new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
}

/** Universal tags by their names in X.680. */
export const BOOLEAN = 0x01;
export const INTEGER = 0x02;
export const UTC_TIME = 0x17;
export const GENERALIZED_TIME = 0x18;
export const SEQUENCE = 0x30;

function readElement(bytes: Uint8Array, start: number): Element {
  let length = bytes[start + 1] ?? 0;
  let at = start + 2;
  if (length > 0x80) {
    const end = at + (length & 0x7f);
    for (length = 0; at < end; at++) length = length * 256 + (bytes[at] ?? 0);
  }
  if (at + length > bytes.length) throw new RangeError("DER: an element is longer than what holds it");
  return { tag: bytes[start]!, whole: bytes.subarray(start, at + length), contents: bytes.subarray(at, at + length) };
}
