import { assert, assertEquals } from "@std/assert";
import { LogWriter } from "../../src/cli/log_writer.ts";

/** A reader that takes one batch each time it is told to. */
function slowReader() {
  const batches: string[] = [];
  const waiting: (() => void)[] = [];
  const writer = new LogWriter((text) => {
    batches.push(text);
    return new Promise((resolve) => waiting.push(resolve));
  }, (lines) => `${lines} dropped`);
  const read = async () => {
    waiting.shift()?.();
    await new Promise((resolve) => setTimeout(resolve));
  };
  return { batches, writer, read };
}

Deno.test("What is logged while a batch is written leaves together behind it, in order", async () => {
  const { batches, writer, read } = slowReader();
  for (const line of ["a", "b", "c"]) writer.push(line);
  assertEquals(batches, ["a\n"]);
  await read();
  assertEquals(batches, ["a\n", "b\nc\n"]);
  await read();
  await writer.flushed();
});

Deno.test("A reader that stands still costs bounded memory, and the drops are counted and told", async () => {
  const { batches, writer, read } = slowReader();
  const line = "x".repeat(1023);
  for (let index = 0; index < 5000; index++) writer.push(line);
  await read();
  assertEquals(batches.length, 2);
  const told = Number(/^(\d+) dropped\n$/m.exec(batches[1]!)?.[1]);
  const kept = batches[1]!.split("\n").filter((text) => text === line).length;
  assertEquals(told + kept + 1, 5000);
  assert(batches[1]!.length <= 1024 * 1024 + 2000, `${batches[1]!.length} characters waited`);
  writer.push("after");
  await read();
  assertEquals(batches[2], "after\n");
  await read();
  await writer.flushed();
});

Deno.test("A reader that has gone stops nothing", async () => {
  let calls = 0;
  const writer = new LogWriter(() => {
    calls++;
    return Promise.reject(new Deno.errors.BrokenPipe("gone"));
  }, String);
  writer.push("a");
  await writer.flushed();
  writer.push("b");
  await writer.flushed();
  assertEquals(calls, 2);
});
