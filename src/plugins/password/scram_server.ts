/** The server's side of SCRAM-SHA-256 (RFC 5802 §3): what is answered to each of the client's two messages. */
import { timingSafeEqual } from "node:crypto";
import { hmac, type ScramCredentials, sha256 } from "./scram_credentials.ts";
import { parseClientFinal, parseClientFirst, ScramMessageError } from "./scram_message.ts";

/** What the server answers the first message with, and what it has to remember until the last one. */
export interface ScramChallenge {
  /** For the client. */
  readonly serverFirstMessage: string;
  /** As whom the client wants to sign in. */
  readonly username: string;
  readonly credentials: ScramCredentials;
  readonly gs2Header: string;
  readonly clientFirstMessageBare: string;
  /** Of both sides. */
  readonly nonce: string;
}

/** What a challenge is made with. */
export interface ScramChallengeOptions {
  /** The credentials of any user name, see `fakeScramCredentials`. */
  readonly find: (username: string) => ScramCredentials;
  /** The server's part of the nonce: printable ASCII without a comma, never the same again. @default 18 random bytes */
  readonly nonce?: () => string;
}

const NONCE_BYTES = 18;

/**
 * Answers the client's first message.
 *
 * @throws {ScramMessageError} if it is malformed or asks for what is not served
 */
export function challengeClient(
  message: Uint8Array,
  { find, nonce: ownNonce = randomNonce }: ScramChallengeOptions,
): ScramChallenge {
  const { gs2Header, bare, username, nonce: clientNonce } = parseClientFirst(message);
  const credentials = find(username);
  const nonce = clientNonce + ownNonce();
  const serverFirstMessage = `r=${nonce},s=${credentials.salt.toBase64()},i=${credentials.iterations}`;
  return { serverFirstMessage, username, credentials, gs2Header, clientFirstMessageBare: bare, nonce };
}

/**
 * Checks the client's last message.
 *
 * @returns the server's last message, which proves that the server knows the user; `undefined`: wrong password
 * @throws {ScramMessageError} if the message is malformed or belongs to another exchange
 */
export function concludeExchange(challenge: ScramChallenge, message: Uint8Array): string | undefined {
  const { withoutProof, channelBinding, nonce, proof } = parseClientFinal(message);
  if (channelBinding !== encoder.encode(challenge.gs2Header).toBase64()) {
    throw new ScramMessageError('client-final-message: expected "c=" to repeat the header of client-first-message');
  }
  if (nonce !== challenge.nonce) {
    throw new ScramMessageError('client-final-message: expected "r=" to repeat the nonce of server-first-message');
  }
  const { storedKey, serverKey } = challenge.credentials;
  const authMessage = `${challenge.clientFirstMessageBare},${challenge.serverFirstMessage},${withoutProof}`;
  const clientSignature = hmac(storedKey, authMessage);
  const clientKey = proof.map((byte, index) => byte ^ (clientSignature[index] as number));
  if (!timingSafeEqual(sha256(clientKey), storedKey)) return undefined;
  return `v=${hmac(serverKey, authMessage).toBase64()}`;
}

const encoder = new TextEncoder();

function randomNonce(): string {
  return crypto.getRandomValues(new Uint8Array(NONCE_BYTES)).toBase64();
}
