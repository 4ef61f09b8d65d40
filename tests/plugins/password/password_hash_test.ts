import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { hashWithArgon2id } from "../../../src/plugins/password/argon2id.ts";
import { parsePasswordHash, verifyPassword } from "../../../src/plugins/password/password_hash.ts";
import { shaCrypt } from "../../../src/plugins/password/sha_crypt.ts";
import { ShaCryptThread } from "../../../src/plugins/password/sha_crypt_thread.ts";

const encoder = new TextEncoder();

/** Made with the C library's crypt(3) from the inputs of the SHA-crypt specification, and some of our own. */
const shaCryptVectors = [
  ["$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5", "Hello world!"],
  ["$5$rounds=10000$saltstringsaltst$3xv.VbSHBb41AL9AvLeujZkZRBAwqFMz2.opqey6IcA", "Hello world!"],
  ["$5$rounds=5000$toolongsaltstrin$Un/5jzAHMgOGZ5.mWJpuVolil07guHPvOW8mGRcvxa5", "This is just a test"],
  [
    "$5$rounds=1400$anotherlongsalts$Rx.j8H.h8HjEDGomFU8bDkXm3XIUnzyxf12oP84Bnq1",
    "a very much longer text to encrypt.  This one even stretches over morethan one line.",
  ],
  [
    "$5$rounds=77777$short$JiO1O3ZpDAxGJeaDIuqCoEFysAe1mZNJRs3pw0KQRd/",
    "we have a short salt string but not a short password",
  ],
  ["$5$rounds=123456$asaltof16chars..$gP3VQ/6X7UUEW3HkBn2w1/Ptq2jxPyzV/cZKmF/wJvD", "a short string"],
  [
    "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
    "Hello world!",
  ],
  [
    "$6$rounds=10000$saltstringsaltst$OW1/O6BYHV6BcXZu8QVeXbDWra3Oeqh0sbHbbMCVNSnCM/UrjmM0Dp8vOuZeHBy/YTBmSK6H9qs/y3RnOaw5v.",
    "Hello world!",
  ],
  [
    "$6$rounds=5000$toolongsaltstrin$lQ8jolhgVRVhY4b5pZKaysCLi0QBxGoNeKQzQ3glMhwllF7oGDZxUhx1yxdYcz/e1JSbq3y6JMxxl8audkUEm0",
    "This is just a test",
  ],
  [
    "$6$rounds=1400$anotherlongsalts$POfYwTEok97VWcjxIiSOjiykti.o/pQs.wPvMxQ6Fm7I6IoYN3CmLs66x9t0oSwbtEW7o7UmJEiDwGqd8p4ur1",
    "a very much longer text to encrypt.  This one even stretches over morethan one line.",
  ],
  [
    "$6$rounds=77777$short$WuQyW2YR.hBNpjjRhpYD/ifIw05xdfeEyQoMxIXbkvr0gge1a1x3yRULJ5CCaUeOxFmtlcGZelFl5CxtgfiAc0",
    "we have a short salt string but not a short password",
  ],
  [
    "$6$rounds=123456$asaltof16chars..$BtCwjqMJGx5hrJhZywWvt0RLE8uZ4oPwcelCjmw2kSYu.Ec6ycULevoBK25fs2xXgMNrCzIMVcgEJAstJeonj1",
    "a short string",
  ],
  ["$6$rounds=1000$$MwL1ngOSTyhRTmswE6q2bTvDqHdFuhV10m2l0x3JOy.OEau0xfOpeR/0OC9iLEfgib0feJ9KJveLUAQeA8NXr1", "x"],
  [
    "$6$rounds=1000$abc$Awxlt/BTuzJpZ4KT7UOhSzjROqAUdW4jjmP.twoQOxY4Iwiwml5Clszuiym/ezNez6qoSZPANUQhs.y1.WQ4k1",
    "päss".repeat(60),
  ],
] as const;

/** Made with `mosquitto_passwd`. */
const mosquittoVectors = [
  [
    "$7$101$Sc1RyYPvF9pAeeeo$kYngUy4MEoggQT1IvEUgJOi19R/GsS7AuVG/T38nZx0KuSLZh4dvi6PWTr6482e0upje4lmMtb5IFqSBoRYFZQ==",
    "pa:ss$wörd",
  ],
  [
    "$7$101$mJ15jgIoYehwQBWk$VoqT6LOlpvtzY1o8xmEY5n48ql/2yRVRSN2pdTMAAo9CY0B3HghdkfzhUhN1tlTzDdpSE+oy7wpcOWErUFb1Fg==",
    "secret",
  ],
  [
    "$6$L7LD2geyyGqwzSNT$uVA/+sF92snoJMxi7u/ulSJSi/Ir4XzL82qAy7BDEQmP0xGoHw753U3YNlf6h2GxCNjv6NBrk1XSI/Qec0smow==",
    "secret",
  ],
] as const;

/** From the test vectors of the Argon2 reference implementation. */
const argon2Vectors = [
  ["$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", "password"],
] as const;

async function withThread(body: (thread: ShaCryptThread) => Promise<void>): Promise<void> {
  const thread = new ShaCryptThread();
  try {
    await body(thread);
  } finally {
    thread.close();
  }
}

/** Salt, password and keys of the example in RFC 7677 §3, in the form of PostgreSQL. */
const scramVectors = [
  [
    "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
    "pencil",
  ],
] as const;

for (const [hash, password] of [...shaCryptVectors, ...mosquittoVectors, ...argon2Vectors, ...scramVectors]) {
  Deno.test(`${hash} is the hash of "${password.slice(0, 20)}" and of nothing else`, () =>
    withThread(async (thread) => {
      const parsed = parsePasswordHash(hash);
      assertEquals(await verifyPassword(parsed, encoder.encode(password), thread), true);
      assertEquals(await verifyPassword(parsed, encoder.encode(`${password} `), thread), false);
    }));
}

Deno.test("a $6$ hash is told by its shape: crypt(3) or mosquitto_passwd", () => {
  assertEquals(parsePasswordHash(shaCryptVectors[6][0]).kind, "sha-crypt");
  assertEquals(parsePasswordHash(mosquittoVectors[2][0]).kind, "mosquitto-sha512");
});

Deno.test("a $7$ hash may have a salt of 64 bytes and other numbers of iterations", () =>
  withThread(async (thread) => {
    const salt = new Uint8Array(64).map((_, i) => i);
    const key = await crypto.subtle.importKey("raw", encoder.encode("secret"), "PBKDF2", false, ["deriveBits"]);
    const algorithm = { name: "PBKDF2", hash: "SHA-512", salt, iterations: 1000 };
    const digest = new Uint8Array(await crypto.subtle.deriveBits(algorithm, key, 512));
    const hash = parsePasswordHash(`$7$1000$${salt.toBase64()}$${digest.toBase64()}`);
    assertEquals(await verifyPassword(hash, encoder.encode("secret"), thread), true);
    assertEquals(await verifyPassword(hash, encoder.encode("Secret"), thread), false);
  }));

Deno.test("an Argon2id hash may have a salt and a digest of 64 bytes", async () => {
  const part = (fill: number) => new Uint8Array(64).fill(fill).toBase64({ omitPadding: true });
  const hash = parsePasswordHash(`$argon2id$v=19$m=47104,t=1,p=1$${part(1)}$${part(2)}`);
  await withThread(async (thread) => {
    assertEquals(await verifyPassword(hash, encoder.encode("secret"), thread), false);
  });
});

Deno.test("a new hash is Argon2id, verifies, and has a salt of its own", async () => {
  const [one, other] = [await hashWithArgon2id(encoder.encode("sécret")), await hashWithArgon2id(encoder.encode("x"))];
  assert(one.startsWith("$argon2id$v=19$m=47104,t=1,p=1$"), one);
  assert(one.split("$")[4] !== other.split("$")[4]);
  await withThread(async (thread) => {
    assertEquals(await verifyPassword(parsePasswordHash(one), encoder.encode("sécret"), thread), true);
  });
});

const salt = "c29tZXNhbHQ";
const digest = "CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
const scramKeys = scramVectors[0][0].split("$")[2];
const sha512Digest = shaCryptVectors[6][0].split("$")[3];
const mosquittoDigest = mosquittoVectors[0][0].split("$")[4];
const faults: readonly (readonly [hash: string, message: string])[] = [
  ["plain-password", "expected a hash, not a password in plain text"],
  ["", "expected a hash, not a password in plain text"],
  ["$2b$12$abcdefghijklmnopqrstuv", "got $2b$"],
  ["$1$salt$digest", "got $1$"],
  ["$argon2i$v=19$m=1,t=1,p=1$a$b", "got $argon2i$"],
  ["$ecret-password", "cannot read the hash: expected one of $5$"],
  ["$6$salt$tooshort", "cannot read the hash: expected one of $5$"],
  [`$6$rounds=999$salt$${sha512Digest}`, "rounds of $6$ must be 1000 to 1048576: got 999"],
  [`$6$rounds=999999999$salt$${sha512Digest}`, "rounds of $6$ must be 1000 to 1048576: got 999999999"],
  [`$7$0$AAAA$${mosquittoDigest}`, "iterations of $7$ must be 1 to 2000000: got 0"],
  [`$7$2000001$AAAA$${mosquittoDigest}`, "iterations of $7$ must be 1 to 2000000: got 2000001"],
  [`$7$101$A$${mosquittoDigest}`, "its salt is not base64"],
  [`$argon2id$v=16$m=65536,t=2,p=1$${salt}$${digest}`, "version of $argon2id$ must be 19: got 16"],
  [`$argon2id$v=19$m=262145,t=2,p=1$${salt}$${digest}`, "m of $argon2id$ must be 8 to 262144: got 262145"],
  [`$argon2id$v=19$m=31,t=2,p=4$${salt}$${digest}`, "m of $argon2id$ must be 32 to 262144: got 31"],
  [`$argon2id$v=19$m=65536,t=17,p=1$${salt}$${digest}`, "t of $argon2id$ must be 1 to 16: got 17"],
  [`$argon2id$v=19$m=65536,t=0,p=1$${salt}$${digest}`, "t of $argon2id$ must be 1 to 16: got 0"],
  [`$argon2id$v=19$m=65536,t=2,p=17$${salt}$${digest}`, "p of $argon2id$ must be 1 to 16: got 17"],
  [`$argon2id$v=19$m=65536,t=2,p=1$AAAA$${digest}`, "bytes of salt of $argon2id$ must be 8 to 128: got 3"],
  [`$argon2id$v=19$m=65536,t=2,p=1$${salt}$AAAA`, "bytes of digest of $argon2id$ must be 16 to 128: got 3"],
  ["SCRAM-SHA-256$plain-password", "cannot read the hash: expected one of $5$"],
  [`SCRAM-SHA-1$4096:W22ZaJ0SNY7soEsUEjb6gQ==$${scramKeys}`, "expected a hash, not a password in plain text"],
  [`SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$${scramKeys}=`, "cannot read the hash: expected one of $5$"],
  [`SCRAM-SHA-256$4095:W22ZaJ0SNY7soEsUEjb6gQ==$${scramKeys}`, "must be 4096 to 10000000: got 4095"],
  [`SCRAM-SHA-256$10000001:W22ZaJ0SNY7soEsUEjb6gQ==$${scramKeys}`, "must be 4096 to 10000000: got 10000001"],
  [`SCRAM-SHA-256$4096:AAAA$${scramKeys}`, "bytes of salt of SCRAM-SHA-256$ must be 8 to 128: got 3"],
  [`SCRAM-SHA-256$4096:A$${scramKeys}`, "its salt is not base64"],
];

for (const [hash, message] of faults) {
  Deno.test(`the hash "${hash.slice(0, 40)}" is refused: ${message}`, () => {
    const error = assertThrows(() => parsePasswordHash(hash), Error, message);
    const secret = hash.slice(hash.lastIndexOf("$") + 1);
    assert(secret.length < 5 || !error.message.includes(secret), error.message);
  });
}

Deno.test("SHA-crypt gives the same on its thread as here", () =>
  withThread(async (thread) => {
    for (let length = 0; length <= 200; length += 25) {
      const job = {
        algorithm: length % 2 === 0 ? "sha256" : "sha512",
        password: new Uint8Array(length).fill(length),
        salt: encoder.encode("salt"),
        rounds: 1000,
      } as const;
      assertEquals(await thread.compute(job), await shaCrypt(job));
    }
  }));

Deno.test("closing the SHA-crypt thread rejects what it was computing, and it can be used again", async () => {
  const thread = new ShaCryptThread();
  const job = { algorithm: "sha512", password: encoder.encode("x"), salt: encoder.encode("s"), rounds: 1000 } as const;
  const computing = thread.compute(job);
  thread.close();
  await assertRejects(() => computing, Error, "the thread was closed");
  assertEquals(await thread.compute(job), await shaCrypt(job));
  thread.close();
});

Deno.test("the event loop turns while a costly SHA-crypt hash is computed", () =>
  withThread(async (thread) => {
    const job = { algorithm: "sha512", password: encoder.encode("x"), salt: encoder.encode("s") } as const;
    await thread.compute({ ...job, rounds: 1000 });
    let done = false;
    const computing = thread.compute({ ...job, rounds: 1_000_000 }).then(() => done = true);
    let turns = 0;
    while (!done) {
      await new Promise<void>((resolve) => setTimeout(resolve, 0));
      turns++;
    }
    await computing;
    assert(turns > 1, `${turns} turns`);
  }));
