/** The messages of SCRAM that a client sends (RFC 5802 §7). */
import { SCRAM_KEY_BYTES } from "./scram_credentials.ts";

/** A message that is not as SCRAM has it, or asks for what is not served; says so without quoting it. */
export class ScramMessageError extends Error {
  override readonly name = "ScramMessageError";
}

/** What a client begins with. */
export interface ClientFirstMessage {
  /** What comes before the bare message, with its last comma. */
  readonly gs2Header: string;
  /** The message without the header. */
  readonly bare: string;
  readonly username: string;
  /** Printable ASCII. */
  readonly nonce: string;
}

/** What a client ends with. */
export interface ClientFinalMessage {
  /** The message up to the comma before the proof. */
  readonly withoutProof: string;
  /** Base64 of the GS2 header. */
  readonly channelBinding: string;
  readonly nonce: string;
  /** 32 bytes. */
  readonly proof: Uint8Array;
}

const MAX_MESSAGE_BYTES = 4096;
/** Others' clients send 18 to 64. */
const MAX_NONCE_LENGTH = 256;

const FIRST = "client-first-message";
const FINAL = "client-final-message";

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const SASL_NAME = /^(?:[^=,\0]|=2C|=3D)+$/;
const NONCE = /^r=([\x21-\x2B\x2D-\x7E]+)$/;
const ATTRIBUTE = /^[A-Za-z]=[^,\0]+$/;
const CHANNEL_BINDING = /^c=([0-9A-Za-z+/]+={0,2})$/;

/** @throws {ScramMessageError} */
export function parseClientFirst(message: Uint8Array): ClientFirstMessage {
  const text = decode(FIRST, message);
  const [flag, authorization, ...rest] = text.split(",") as [string, ...(string | undefined)[]];
  if (flag.startsWith("p=")) throw fault(FIRST, 'channel binding is not served: expected "n" or "y" at the beginning');
  if (flag !== "n" && flag !== "y") throw fault(FIRST, 'expected "n," or "y," at the beginning');
  if (authorization === undefined || rest.length === 0) throw fault(FIRST, 'expected a header such as "n,,"');
  const [user, nonceAttribute, ...extensions] = rest as (string | undefined)[];
  const username = readName("n", user);
  if (authorization !== "" && readName("a", authorization) !== username) {
    throw fault(FIRST, 'nobody may act for another user: expected no "a=", or the name of "n="');
  }
  const nonce = readNonce(FIRST, nonceAttribute);
  if (nonce.length > MAX_NONCE_LENGTH) throw fault(FIRST, `expected a nonce of at most ${MAX_NONCE_LENGTH} characters`);
  checkExtensions(FIRST, extensions);
  const gs2Header = `${flag},${authorization},`;
  return { gs2Header, bare: text.slice(gs2Header.length), username, nonce };
}

/** @throws {ScramMessageError} */
export function parseClientFinal(message: Uint8Array): ClientFinalMessage {
  const text = decode(FINAL, message);
  const proofAt = text.lastIndexOf(",p=");
  if (proofAt < 0) throw fault(FINAL, 'expected ",p=" and a proof at the end');
  const withoutProof = text.slice(0, proofAt);
  const [binding = "", nonceAttribute, ...extensions] = withoutProof.split(",");
  refuseMandatoryExtension(FINAL, binding);
  const channelBinding = CHANNEL_BINDING.exec(binding)?.[1];
  if (channelBinding === undefined) throw fault(FINAL, 'expected "c=" and base64 at the beginning');
  const nonce = readNonce(FINAL, nonceAttribute);
  checkExtensions(FINAL, extensions);
  return { withoutProof, channelBinding, nonce, proof: readProof(text.slice(proofAt + 3)) };
}

function decode(place: string, message: Uint8Array): string {
  if (message.length > MAX_MESSAGE_BYTES) throw fault(place, `expected at most ${MAX_MESSAGE_BYTES} bytes`);
  try {
    return decoder.decode(message);
  } catch {
    throw fault(place, "expected UTF-8");
  }
}

/** Reads a user name, in which `=2C` stands for a comma and `=3D` for an equals sign. */
function readName(attribute: "a" | "n", text: string | undefined): string {
  refuseMandatoryExtension(FIRST, text);
  const name = text?.startsWith(`${attribute}=`) ? text.slice(2) : "";
  if (!SASL_NAME.test(name)) {
    throw fault(FIRST, `expected "${attribute}=" and a user name, with "=2C" for a comma and "=3D" for "="`);
  }
  return name.replaceAll("=2C", ",").replaceAll("=3D", "=");
}

function readNonce(place: string, attribute: string | undefined): string {
  const nonce = NONCE.exec(attribute ?? "")?.[1];
  if (nonce === undefined) throw fault(place, 'expected "r=" and a nonce of printable ASCII in second place');
  return nonce;
}

function readProof(text: string): Uint8Array {
  let proof: Uint8Array | undefined;
  try {
    proof = Uint8Array.fromBase64(text, { lastChunkHandling: "strict" });
  } catch {
    // Told below.
  }
  if (proof?.length !== SCRAM_KEY_BYTES) throw fault(FINAL, `expected a proof of ${SCRAM_KEY_BYTES} bytes in base64`);
  return proof;
}

/** Extensions that are not known are to be ignored; but they have to be attributes. */
function checkExtensions(place: string, extensions: readonly (string | undefined)[]): void {
  for (const extension of extensions) {
    refuseMandatoryExtension(place, extension);
    if (!ATTRIBUTE.test(extension ?? "")) throw fault(place, 'expected extensions to be a letter, "=" and a value');
  }
}

function refuseMandatoryExtension(place: string, attribute: string | undefined): void {
  if (attribute?.startsWith("m=")) throw fault(place, 'mandatory extensions are not served: expected no "m="');
}

function fault(place: string, text: string): ScramMessageError {
  return new ScramMessageError(`${place}: ${text}`);
}
