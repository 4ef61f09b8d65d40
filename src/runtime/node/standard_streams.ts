import { writeSync } from "node:fs";
import process from "node:process";
import { Readable } from "node:stream";
import type { Host } from "../host_types.ts";

/** Standard input. */
export const stdin: Host["stdin"] = {
  get readable() {
    return Readable.toWeb(process.stdin) as unknown as ReadableStream<Uint8Array>;
  },
  isTerminal: () => process.stdin.isTTY === true,
  setRaw: (raw) => void process.stdin.setRawMode(raw),
};

/** Standard error. */
export const stderr: Host["stderr"] = {
  write: (bytes) =>
    new Promise((resolve, reject) => {
      // The caller is told; without a listener Node would end the program besides.
      if (!process.stderr.listeners("error").includes(ignore)) process.stderr.on("error", ignore);
      process.stderr.write(bytes, (error) => error ? reject(error) : resolve(bytes.length));
    }),
  writeSync(bytes) {
    for (;;) {
      try {
        return writeSync(process.stderr.fd, bytes);
      } catch (error) {
        if ((error as { code?: string }).code !== "EAGAIN") throw error;
        // Node has made the pipe one that does not wait, and it is full.
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
      }
    }
  },
};

function ignore(): void {}
