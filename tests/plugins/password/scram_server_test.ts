import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { deriveScramCredentials, fakeScramCredentials } from "../../../src/plugins/password/scram_credentials.ts";
import { parseClientFinal, parseClientFirst, ScramMessageError } from "../../../src/plugins/password/scram_message.ts";
import { challengeClient, concludeExchange } from "../../../src/plugins/password/scram_server.ts";
import { ScramClient } from "../../support/scram_client.ts";

const encoder = new TextEncoder();

/** The exchange in RFC 7677 §3: user "user", password "pencil". */
const example = {
  clientFirst: "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
  serverNonce: "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
  serverFirst: "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
  clientFinal:
    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
  serverFinal: "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
};
const credentials = await deriveScramCredentials(encoder.encode("pencil"), {
  iterations: 4096,
  salt: Uint8Array.fromBase64("W22ZaJ0SNY7soEsUEjb6gQ=="),
});

function challenge(message: string | Uint8Array) {
  const bytes = typeof message === "string" ? encoder.encode(message) : message;
  return challengeClient(bytes, { find: () => credentials, nonce: () => example.serverNonce });
}

Deno.test("the example exchange of RFC 7677 comes out as it is printed there", () => {
  const begun = challenge(example.clientFirst);
  assertEquals(begun.username, "user");
  assertEquals(begun.serverFirstMessage, example.serverFirst);
  assertEquals(concludeExchange(begun, encoder.encode(example.clientFinal)), example.serverFinal);
});

Deno.test("the tests' own client says what RFC 7677 prints", async () => {
  const client = new ScramClient({ username: "user", password: "pencil", nonce: "rOprNGfwEbeRWgbNEkqO" });
  assertEquals(client.first(), encoder.encode(example.clientFirst));
  assertEquals(await client.final(encoder.encode(example.serverFirst)), encoder.encode(example.clientFinal));
  assert(client.trusts(encoder.encode(example.serverFinal)));
  assert(!client.trusts(encoder.encode(example.serverFinal.replace("6", "7"))));
});

Deno.test("the server's part of the nonce is another one each time", () => {
  const nonces = Array.from(
    { length: 20 },
    () => challengeClient(encoder.encode("n,,n=user,r=x"), { find: () => credentials }).nonce,
  );
  assertEquals(new Set(nonces).size, 20);
  for (const nonce of nonces) assert(/^x[!-+\--~]{24}$/.test(nonce), nonce);
});

Deno.test("fake credentials are the same for a name and a secret, and others for others", () => {
  const secret = new Uint8Array(32).fill(1);
  const fake = fakeScramCredentials(secret, "mallory", undefined);
  assertEquals(fake, fakeScramCredentials(secret, "mallory", undefined));
  assertEquals(fake.salt.length, 16);
  const others = [
    fakeScramCredentials(secret, "trudy", undefined),
    fakeScramCredentials(new Uint8Array(32).fill(2), "mallory", undefined),
  ];
  for (const other of others) assert(other.salt.toHex() !== fake.salt.toHex());
  const like = fakeScramCredentials(secret, "mallory", { ...credentials, salt: new Uint8Array(40), iterations: 5000 });
  assertEquals([like.iterations, like.salt.length], [5000, 40]);
});

const firstFaults: readonly (readonly [message: string | Uint8Array, fault: string])[] = [
  ["", 'expected "n," or "y," at the beginning'],
  ["x,,n=user,r=abc", 'expected "n," or "y," at the beginning'],
  ["p=tls-unique,,n=user,r=abc", "channel binding is not served"],
  ["n", 'expected a header such as "n,,"'],
  ["n,", 'expected a header such as "n,,"'],
  ["n,,", 'expected "n=" and a user name'],
  ["n,,n=", 'expected "n=" and a user name'],
  ["n,,n=,r=abc", 'expected "n=" and a user name'],
  ["n,,user,r=abc", 'expected "n=" and a user name'],
  ["n,,n=us=er,r=abc", 'expected "n=" and a user name'],
  ["n,,n=us=2cer,r=abc", 'expected "n=" and a user name'],
  ["n,,n=us\0er,r=abc", 'expected "n=" and a user name'],
  ["n,a=other,n=user,r=abc", "nobody may act for another user"],
  ["n,b=user,n=user,r=abc", 'expected "a=" and a user name'],
  ["n,,m=x,n=user,r=abc", "mandatory extensions are not served"],
  ["n,,n=user,r=abc,m=x", "mandatory extensions are not served"],
  ["n,,n=user", 'expected "r=" and a nonce'],
  ["n,,n=user,r=", 'expected "r=" and a nonce'],
  ["n,,n=user,r=a b", 'expected "r=" and a nonce'],
  ["n,,n=user,r=ä", 'expected "r=" and a nonce'],
  [`n,,n=user,r=${"x".repeat(257)}`, "expected a nonce of at most 256 characters"],
  ["n,,n=user,r=abc,", "expected extensions to be a letter"],
  ["n,,n=user,r=abc,1=x", "expected extensions to be a letter"],
  [`n,,n=${"x".repeat(4096)},r=abc`, "expected at most 4096 bytes"],
  [Uint8Array.of(0x6e, 0x2c, 0xff), "expected UTF-8"],
  ["\uFEFFn,,n=user,r=abc", 'expected "n," or "y," at the beginning'],
];

for (const [index, [message, fault]] of firstFaults.entries()) {
  Deno.test(`a malformed client-first-message is refused (${index + 1}): ${fault}`, () => {
    assertThrows(() => challenge(message), ScramMessageError, `client-first-message: ${fault}`);
  });
}

const finalStart = example.clientFinal.slice(0, example.clientFinal.indexOf(",p="));
const proof = example.clientFinal.slice(example.clientFinal.indexOf(",p="));
const nonceAttribute = finalStart.slice("c=biws,".length);
const finalFaults: readonly (readonly [message: string | Uint8Array, fault: string])[] = [
  ["", 'expected ",p=" and a proof at the end'],
  [finalStart, 'expected ",p=" and a proof at the end'],
  [`${finalStart},p=`, "expected a proof of 32 bytes in base64"],
  [`${finalStart},p=AAAA`, "expected a proof of 32 bytes in base64"],
  [`${finalStart},p=?`, "expected a proof of 32 bytes in base64"],
  [`${finalStart}${proof},x=y`, "expected a proof of 32 bytes in base64"],
  [`${nonceAttribute}${proof}`, 'expected "c=" and base64 at the beginning'],
  [`c=?,${nonceAttribute}${proof}`, 'expected "c=" and base64 at the beginning'],
  [`c=eSws,${nonceAttribute}${proof}`, 'expected "c=" to repeat the header'],
  [`c=biws${proof}`, 'expected "r=" and a nonce'],
  [`c=biws,r=rOprNGfwEbeRWgbNEkqO${proof}`, 'expected "r=" to repeat the nonce'],
  [`${finalStart},m=x${proof}`, "mandatory extensions are not served"],
  [`m=x,${finalStart}${proof}`, "mandatory extensions are not served"],
  [`${finalStart},${proof}`, "expected extensions to be a letter"],
  [`${finalStart},x=${"y".repeat(4096)}${proof}`, "expected at most 4096 bytes"],
  [Uint8Array.of(0xff), "expected UTF-8"],
];

for (const [index, [message, fault]] of finalFaults.entries()) {
  Deno.test(`a malformed client-final-message is refused (${index + 1}): ${fault}`, () => {
    const bytes = typeof message === "string" ? encoder.encode(message) : message;
    const begun = challenge(example.clientFirst);
    assertThrows(() => concludeExchange(begun, bytes), ScramMessageError, `client-final-message: ${fault}`);
  });
}

const printable = fc.integer({ min: 0x21, max: 0x7e }).filter((code) => code !== 0x2c)
  .map((code) => String.fromCharCode(code));
const nonces = fc.array(printable, { minLength: 1, maxLength: 256 }).map((characters) => characters.join(""));
const names = fc.oneof(
  fc.string({ minLength: 1, maxLength: 50, unit: "binary" }),
  fc.array(fc.constantFrom("=", ",", "a", "=2C", "=3D"), { minLength: 1, maxLength: 10 }).map((parts) =>
    parts.join("")
  ),
).filter((name) => !name.includes("\0"));

Deno.test("every user name and nonce is read as it was written, with and without an authorization identity", () => {
  fc.assert(fc.property(names, nonces, fc.boolean(), (username, nonce, named) => {
    const escaped = username.replaceAll("=", "=3D").replaceAll(",", "=2C");
    const gs2Header = named ? `n,a=${escaped},` : "y,,";
    const client = new ScramClient({ username, password: "", nonce, gs2Header });
    const read = parseClientFirst(client.first());
    assertEquals([read.username, read.nonce, read.gs2Header], [username, nonce, gs2Header]);
    assertEquals(encoder.encode(read.gs2Header + read.bare), client.first());
  }));
});

Deno.test("bytes are either a message or refused by a ScramMessageError, whatever they are", () => {
  const pieces = fc.constantFrom(
    "n",
    "y",
    ",",
    "a=",
    "n=",
    "r=",
    "m=",
    "p=",
    "c=",
    "biws",
    "=",
    "x",
    "\0",
    "é",
    "AAAA",
  );
  const messages = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    fc.array(pieces, { maxLength: 20 }).map((parts) => encoder.encode(parts.join(""))),
  );
  fc.assert(fc.property(messages, (message) => {
    for (const parse of [parseClientFirst, parseClientFinal]) {
      try {
        parse(message);
      } catch (error) {
        assert(error instanceof ScramMessageError, String(error));
      }
    }
  }));
});

Deno.test("a client-final-message with one byte changed or cut off never signs in", () => {
  const whole = encoder.encode(example.clientFinal);
  const begun = challenge(example.clientFirst);
  const attempt = (message: Uint8Array) => {
    try {
      return concludeExchange(begun, message);
    } catch (error) {
      assert(error instanceof ScramMessageError, String(error));
    }
  };
  assertEquals(attempt(whole), example.serverFinal);
  for (let length = 0; length < whole.length; length++) assertEquals(attempt(whole.subarray(0, length)), undefined);
  const change = fc.tuple(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }));
  fc.assert(
    fc.property(change, ([at, difference]) => {
      const changed = whole.map((byte, index) => index === at ? byte ^ difference : byte);
      assertEquals(attempt(changed), undefined);
    }),
    { numRuns: 1000 },
  );
});
