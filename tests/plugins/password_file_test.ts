import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { join } from "@std/path";
import { parsePasswordHash, verifyPassword } from "../../src/plugins/password/password_hash.ts";
import { ShaCryptThread } from "../../src/plugins/password/sha_crypt_thread.ts";
import {
  checkUsername,
  parsePasswordFile,
  PasswordFileError,
  readPasswordFile,
  setPassword,
} from "../../src/plugins/password_file.ts";

const hash = "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5";
const unix = Deno.build.os !== "windows";

async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The Argon2id hash in a line of a file is that of the password. */
async function assertPassword(line: string | undefined, password: string): Promise<void> {
  const text = line?.slice(line.indexOf(":") + 1) ?? "";
  const parsed = parsePasswordHash(text);
  assertEquals(parsed.kind, "argon2id");
  assert(await verifyPassword(parsed, new TextEncoder().encode(password), new ShaCryptThread()));
}

Deno.test("comments, blank lines, a byte order mark and CRLF are passed over", () => {
  const text = `\uFEFF# users\r\n\r\nalice:${hash}\r\n  # indented\r\n bob : ${hash} \r\n`;
  assertEquals([...parsePasswordFile(text, "users").keys()], ["alice", "bob"]);
  assertEquals(parsePasswordFile("", "users").size, 0);
});

Deno.test("user names that objects know are user names like any other", () => {
  const table = parsePasswordFile(`__proto__:${hash}\nconstructor:${hash}`, "users");
  assertEquals([...table.keys()], ["__proto__", "constructor"]);
  assertEquals(table.get("toString"), undefined);
});

const faults: readonly (readonly [text: string, message: string])[] = [
  ["# x\nsecretword", 'users:2: expected "user:hash": there is no ":" in the line'],
  [`:${hash}`, 'users:1: user name must not be empty: got ""'],
  [`a\tb:${hash}`, 'users:1: user name must not contain control characters: got "a\\tb"'],
  ["alice:secretword", "users:1: expected a hash, not a password in plain text"],
  ["alice:", "users:1: expected a hash, not a password in plain text"],
  ["alice:$6$secretword", "users:1: cannot read the hash"],
  [`alice:${hash}:secretword`, "users:1: cannot read the hash"],
  [`alice:${hash}\n\nalice:${hash}`, 'users:3: user "alice" is in line 1 already'],
  [`alice:$5$rounds=9999999$s$${hash.split("$")[3]}`, "users:1: rounds of $5$ must be 1000 to 1048576: got 9999999"],
  [`al\uFFFDce:${hash}`, "users:1: the line is not UTF-8"],
];

for (const [text, message] of faults) {
  Deno.test(`a password file is refused: ${message}`, () => {
    const error = assertThrows(() => parsePasswordFile(text, "users"), PasswordFileError, message);
    assert(!error.message.includes("secretword"), error.message);
    assert(!error.message.includes(hash), error.message);
  });
}

Deno.test("all faults of a password file are told at once", () => {
  const error = assertThrows(() => parsePasswordFile("one\ntwo\nthree", "users"), PasswordFileError);
  assertEquals(error.message.split("\n").map((line) => line.slice(0, 8)), ["users:1:", "users:2:", "users:3:"]);
});

Deno.test("a password file that is not there is named", () =>
  inFolder(async (folder) => {
    const file = join(folder, "users");
    await assertRejects(() => readPasswordFile(file), PasswordFileError, `cannot read password file ${file}: `);
  }));

const badNames = [
  ["", "be empty"],
  ["a:b", 'contain ":"'],
  ["a\nb", "contain control characters"],
  ["a\u0000", "contain control characters"],
  ["\uD800", "contain control characters"],
  ["#a", 'begin with "#"'],
  [" a", "begin or end with a space"],
] as const;

for (const [username, fault] of badNames) {
  Deno.test(`the user name ${JSON.stringify(username)} is refused: it must not ${fault}`, async () => {
    assertThrows(() => checkUsername(username), Error, `user name must not ${fault}: got `);
    await assertRejects(() => setPassword("/nowhere/users", username, "secret"), Error, `must not ${fault}`);
  });
}

Deno.test("a password must have 1 to 1024 bytes", async () => {
  const refused = "cannot set the password: it must have 1 to 1024 bytes: got";
  await assertRejects(() => setPassword("/nowhere/users", "alice", ""), Error, `${refused} 0`);
  await assertRejects(() => setPassword("/nowhere/users", "alice", "ä".repeat(513)), Error, `${refused} 1026`);
});

Deno.test("a password for SCRAM must be UTF-8 without control characters", () =>
  inFolder(async (folder) => {
    const file = join(folder, "users");
    for (const password of ["a\tb", "\u007F", "\u0085"]) {
      const setting = () => setPassword(file, "alice", password, { scram: true });
      await assertRejects(setting, Error, "cannot set the password: for SCRAM it must be UTF-8 without control");
    }
    await assertRejects(() => Deno.stat(file), Deno.errors.NotFound);
  }));

Deno.test("a password for SCRAM is kept in PostgreSQL's form, with a salt of its own, beside the others", () =>
  inFolder(async (folder) => {
    const file = join(folder, "users");
    await Deno.writeTextFile(file, `old:${hash}\n`);
    for (const user of ["alice", "bob"]) assertEquals(await setPassword(file, user, "x", { scram: true }), "added");
    const [old, ...lines] = (await Deno.readTextFile(file)).trimEnd().split("\n");
    assertEquals(old, `old:${hash}`);
    const form = /^(?:alice|bob):SCRAM-SHA-256\$15000:[0-9A-Za-z+/]{22}==\$[0-9A-Za-z+/]{43}=:[0-9A-Za-z+/]{43}=$/;
    for (const line of lines) assertMatch(line, form);
    assertEquals(new Set(lines.map((line) => line.split(/[:$]/)[3])).size, 2);
  }));

Deno.test("setting a password makes the file, for its owner only, and leaves nothing else behind", () =>
  inFolder(async (folder) => {
    const file = join(folder, "users");
    assertEquals(await setPassword(file, "alice", "sécret"), "added");
    const text = await Deno.readTextFile(file);
    assertMatch(text, /^alice:\$argon2id\$v=19\$m=47104,t=1,p=1\$[^\n]+\n$/);
    await assertPassword(text.trim(), "sécret");
    if (unix) assertEquals(((await Deno.stat(file)).mode ?? 0) & 0o777, 0o600);
    assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name), ["users"]);
  }));

Deno.test("setting a password keeps comments, other users, the order and the line ends", () =>
  inFolder(async (folder) => {
    const file = join(folder, "users");
    await Deno.writeTextFile(file, `# one\r\nalice:${hash}\r\n\r\nbob:${hash}`);
    assertEquals(await setPassword(file, "alice", "new"), "changed");
    assertEquals(await setPassword(file, "carl", "other"), "added");
    const lines = (await Deno.readTextFile(file)).split("\r\n");
    assertEquals([lines[0], lines[2], lines[3], lines[5]], ["# one", "", `bob:${hash}`, ""]);
    await assertPassword(lines[1], "new");
    await assertPassword(lines[4], "other");
  }));

Deno.test("a file with a fault is left as it is", () =>
  inFolder(async (folder) => {
    const file = join(folder, "users");
    await Deno.writeTextFile(file, "alice:plain\n");
    await assertRejects(() => setPassword(file, "bob", "secret"), PasswordFileError, `${file}:1: expected a hash`);
    assertEquals(await Deno.readTextFile(file), "alice:plain\n");
  }));

Deno.test("a password file in a folder that is not there is named", () =>
  inFolder(async (folder) => {
    const file = join(folder, "missing", "users");
    await assertRejects(() => setPassword(file, "bob", "secret"), Error, `cannot write password file ${file}: `);
  }));

Deno.test({
  name: "setting a password goes through a link to the file behind it",
  ignore: !unix,
  fn: () =>
    inFolder(async (folder) => {
      const [file, link] = [join(folder, "users"), join(folder, "link")];
      await Deno.writeTextFile(file, `alice:${hash}\n`);
      await Deno.symlink(file, link);
      await setPassword(link, "bob", "secret");
      assertEquals((await Deno.lstat(link)).isSymlink, true);
      assertEquals([...(await readPasswordFile(file)).keys()], ["alice", "bob"]);
    }),
});
