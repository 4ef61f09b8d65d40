/** The runtime: Node. The package for npm has this file in place of `src/runtime/host.ts`. */
import "./gaps.ts";
import { hostname } from "node:os";
import process from "node:process";
import type { Host, HostPermissionState } from "../host_types.ts";
import { errors } from "./errors.ts";
import * as files from "./files.ts";
import { inspectAsDeno } from "./inspect.ts";
import { connect, listen } from "./sockets.ts";
import { stderr, stdin } from "./standard_streams.ts";

export type * from "../host_types.ts";
export { startThread, threadScope } from "./threads.ts";

const granted: HostPermissionState = { state: "granted" };

/** What the broker uses of the runtime. */
export const host: Host = {
  ...files,
  args: process.argv.slice(2),
  pid: process.pid,
  build: { os: process.platform === "win32" ? "windows" : process.platform },
  env: { get: (name) => process.env[name] },
  permissions: { query: () => Promise.resolve(granted), querySync: () => granted },
  errors,
  stdin,
  stderr,
  cwd: () => process.cwd(),
  hostname,
  exit: (code) => process.exit(code),
  addSignalListener: (signal, handler) => void process.on(signal, handler),
  removeSignalListener: (signal, handler) => void process.off(signal, handler),
  inspect: inspectAsDeno,
  memoryUsage: () => process.memoryUsage(),
  listen,
  connect,
};
