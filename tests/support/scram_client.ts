/** A client's side of SCRAM-SHA-256 (RFC 5802, RFC 7677), written apart from the broker's so that it can prove it wrong. */

/** Who signs in, and how. */
export interface ScramClientOptions {
  readonly username: string;
  readonly password: string;
  /** Printable ASCII without a comma. @default random */
  readonly nonce?: string;
  /** What comes before the bare message. @default "n,," */
  readonly gs2Header?: string;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** One exchange: {@linkcode ScramClient.first}, then {@linkcode ScramClient.final}, then {@linkcode ScramClient.trusts}. */
export class ScramClient {
  readonly #password: string;
  readonly #nonce: string;
  readonly #gs2Header: string;
  readonly #bare: string;
  #serverSignature: string | undefined;

  constructor({ username, password, nonce = crypto.randomUUID(), gs2Header = "n,," }: ScramClientOptions) {
    this.#password = password;
    this.#nonce = nonce;
    this.#gs2Header = gs2Header;
    this.#bare = `n=${username.replaceAll("=", "=3D").replaceAll(",", "=2C")},r=${nonce}`;
  }

  /** The client-first-message. */
  first(): Uint8Array {
    return encoder.encode(this.#gs2Header + this.#bare);
  }

  /**
   * The client-final-message.
   *
   * @param extensions unknown ones, each with a comma in front
   * @throws {Error} if the server-first-message is not one
   */
  async final(serverFirst: Uint8Array | undefined, extensions = ""): Promise<Uint8Array> {
    const message = decoder.decode(serverFirst);
    const match = /^r=([^,]+),s=([^,]+),i=(\d+)$/.exec(message);
    if (match === null) throw new Error(`expected a server-first-message: got ${message}`);
    const [, nonce = "", salt = "", iterations] = match;
    if (!nonce.startsWith(this.#nonce) || nonce === this.#nonce) throw new Error(`expected a longer nonce: ${nonce}`);
    const saltedPassword = await this.#stretch(Uint8Array.fromBase64(salt), Number(iterations));
    const clientKey = await hmac(saltedPassword, "Client Key");
    const storedKey = new Uint8Array(await crypto.subtle.digest("SHA-256", clientKey));
    const withoutProof = `c=${encoder.encode(this.#gs2Header).toBase64()},r=${nonce}${extensions}`;
    const authMessage = `${this.#bare},${message},${withoutProof}`;
    const signature = await hmac(storedKey, authMessage);
    const proof = clientKey.map((byte, index) => byte ^ (signature[index] ?? 0));
    this.#serverSignature = (await hmac(await hmac(saltedPassword, "Server Key"), authMessage)).toBase64();
    return encoder.encode(`${withoutProof},p=${proof.toBase64()}`);
  }

  /** Whether the server-final-message proves that the server knows the user. */
  trusts(serverFinal: Uint8Array | undefined): boolean {
    return this.#serverSignature !== undefined && decoder.decode(serverFinal) === `v=${this.#serverSignature}`;
  }

  async #stretch(salt: Uint8Array<ArrayBuffer>, iterations: number): Promise<Uint8Array<ArrayBuffer>> {
    const password = encoder.encode(this.#password.normalize("NFKC"));
    const key = await crypto.subtle.importKey("raw", password, "PBKDF2", false, ["deriveBits"]);
    const algorithm = { name: "PBKDF2", hash: "SHA-256", salt, iterations };
    return new Uint8Array(await crypto.subtle.deriveBits(algorithm, key, 256));
  }
}

async function hmac(key: Uint8Array<ArrayBuffer>, message: string): Promise<Uint8Array<ArrayBuffer>> {
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const imported = await crypto.subtle.importKey("raw", key, algorithm, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", imported, encoder.encode(message)));
}
