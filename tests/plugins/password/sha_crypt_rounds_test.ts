import { assertEquals } from "@std/assert";
import { createHash } from "node:crypto";
import { createSha512Module } from "../../../src/plugins/password/sha512_module.ts";
import { stretchWithSha512 } from "../../../src/plugins/password/sha_crypt_rounds.ts";

const bytesOf = (length: number, seed: number) => new Uint8Array(length).map((_, i) => i * 31 + seed * 17 + 5);
const sha512 = (...parts: Uint8Array[]) => {
  const hash = createHash("sha512");
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
};

Deno.test("the SHA-512 module hashes messages of every length around a block's as node:crypto does", () => {
  const { memory, hash } = createSha512Module();
  const bytes = new Uint8Array(memory.buffer);
  for (let length = 0; length <= 400; length++) {
    const message = bytesOf(length, length);
    const count = Math.ceil((length + 17) / 128);
    bytes.fill(0);
    bytes.set(message, 128);
    bytes[128 + length] = 0x80;
    new DataView(memory.buffer).setUint32(128 + count * 128 - 4, length * 8);
    hash(128, count);
    assertEquals(bytes.slice(0, 64), sha512(message), `${length} bytes`);
  }
});

Deno.test("the rounds are those of the specification for passwords and salts of every size", () => {
  for (
    const [passwordBytes, saltBytes] of [[1, 0], [8, 16], [15, 16], [16, 16], [31, 1], [32, 16], [111, 8], [1024, 16]]
  ) {
    const [password, salt] = [bytesOf(passwordBytes as number, 1), bytesOf(saltBytes as number, 2)];
    let digest = sha512(password);
    const beginning = { digest, password, salt, rounds: 50 };
    for (let round = 0; round < 50; round++) {
      const odd = round % 2 === 1;
      const nothing = new Uint8Array(0);
      digest = sha512(
        odd ? password : digest,
        round % 3 === 0 ? nothing : salt,
        round % 7 === 0 ? nothing : password,
        odd ? digest : password,
      );
    }
    assertEquals(stretchWithSha512(beginning), digest, `${passwordBytes}, ${saltBytes}`);
  }
});
