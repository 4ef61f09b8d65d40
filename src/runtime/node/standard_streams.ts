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
      // What a reader does not take comes out as an error, of which the caller is told.
      process.stderr.write(bytes, (error) => error ? reject(error) : resolve(bytes.length));
    }),
  writeSync: (bytes) => writeSync(process.stderr.fd, bytes),
};
