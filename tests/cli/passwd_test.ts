import { assertEquals } from "@std/assert";
import { main } from "../../src/cli/main.ts";
import { FakeIo, FakeServices } from "./support.ts";

/** Runs `passwd users alice` with this input. */
async function passwd(
  chunks: readonly (string | Uint8Array)[],
  { isTerminal = false, user = "alice", file = "users" } = {},
) {
  const io = new FakeIo(chunks, { isTerminal });
  const services = new FakeServices();
  const exitCode = await main(["passwd", file, user], io, services);
  return { io, exitCode, passwords: services.passwords };
}

Deno.test("passwd takes the first line of standard input", async () => {
  for (const input of ["secret\n", "secret\r\n", "secret", "secret\nmore\n"]) {
    const { io, exitCode, passwords } = await passwd([input]);
    assertEquals(exitCode, 0);
    assertEquals(passwords, [["users", "alice", "secret"]]);
    assertEquals(io.outLines, ["users: added alice"]);
    assertEquals(io.prompts, []);
    assertEquals(io.rawModes, []);
  }
});

Deno.test("passwd --scram asks for SCRAM credentials, passwd alone does not", async () => {
  const services = new FakeServices();
  assertEquals(await main(["passwd", "--scram", "users", "alice"], new FakeIo(["secret\n"]), services), 0);
  assertEquals(await main(["passwd", "users", "bob"], new FakeIo(["secret\n"]), services), 0);
  assertEquals(services.passwords, [["users", "alice", "secret"], ["users", "bob", "secret"]]);
  assertEquals(services.scramUsers, ["alice"]);
});

Deno.test("passwd tells when it changed a password", async () => {
  const { io } = await passwd(["secret\n"], { user: "old" });
  assertEquals(io.outLines, ["users: changed the password of old"]);
});

Deno.test("passwd reads characters that are split between chunks, and spaces as they are", async () => {
  const bytes = new TextEncoder().encode(" pä🔑 \n");
  const { passwords } = await passwd([...bytes].map((byte) => Uint8Array.of(byte)));
  assertEquals(passwords[0]?.[2], " pä🔑 ");
});

Deno.test("on a terminal the password is asked for twice without echo", async () => {
  const { io, exitCode, passwords } = await passwd(["sec", "ret\r", "secret\r"], { isTerminal: true });
  assertEquals(exitCode, 0);
  assertEquals(passwords, [["users", "alice", "secret"]]);
  assertEquals(io.prompts, ["Password for alice: ", "Again: "]);
  assertEquals(io.rawModes, [true, false, true, false]);
});

Deno.test("what is pasted in one go serves both prompts", async () => {
  const { passwords } = await passwd(["secret\nsecret\n"], { isTerminal: true });
  assertEquals(passwords.length, 1);
});

Deno.test("backspace takes a character away, Ctrl-U all of them", async () => {
  const { passwords } = await passwd(["\x7fsecx\x7fret🔑\b\r", "wrong\x15secret\r"], { isTerminal: true });
  assertEquals(passwords[0]?.[2], "secret");
});

Deno.test("two passwords that differ change nothing", async () => {
  const { io, exitCode, passwords } = await passwd(["secret\rSecret\r"], { isTerminal: true });
  assertEquals(exitCode, 1);
  assertEquals(passwords, []);
  assertEquals(io.errorLines.at(-1), "users: the passwords differ");
});

for (const [name, input] of [["Ctrl-C", "sec\x03"], ["Ctrl-D", "\x04"], ["the end of the input", "sec"]] as const) {
  Deno.test(`${name} ends passwd with exit code 130 and gives the terminal back`, async () => {
    const { io, exitCode, passwords } = await passwd([input], { isTerminal: true });
    assertEquals(exitCode, 130);
    assertEquals(passwords, []);
    assertEquals(io.rawModes, [true, false]);
  });
}

Deno.test("an empty password is refused", async () => {
  for (const input of [[], ["\n"], ["\r\n"]]) {
    const { io, exitCode, passwords } = await passwd(input);
    assertEquals(exitCode, 1);
    assertEquals(passwords, []);
    assertEquals(io.errorLines, ["users: a password must not be empty"]);
  }
});

Deno.test("a user name that cannot be used is refused before anything is typed", async () => {
  const { io, exitCode } = await passwd(["secret\n"], { user: "", isTerminal: true });
  assertEquals(exitCode, 1);
  assertEquals(io.prompts, []);
  assertEquals(io.errorLines, ['users: user name must not be empty: got ""']);
});

Deno.test("a file that cannot be written is told in one line", async () => {
  const { io, exitCode } = await passwd(["secret\n"], { file: "locked" });
  assertEquals(exitCode, 1);
  assertEquals(io.errorLines, ["locked: cannot write locked: permission denied"]);
});
