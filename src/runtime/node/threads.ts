/** Threads by `node:worker_threads`, in the shape of web workers. */
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import type { Thread, ThreadScope } from "../host_types.ts";

/** What a thread of the broker's is started with. */
interface ThreadData {
  readonly amqttThread?: string;
}

/** Starts a thread with the module at a URL. */
export function startThread(url: string, name: string): Thread {
  const worker = new Worker(new URL(url), { name, workerData: { amqttThread: name } satisfies ThreadData });
  const thread: Thread = {
    onmessage: null,
    onerror: null,
    postMessage: (message: unknown, transfer: ArrayBuffer[] = []) => worker.postMessage(message, transfer),
    terminate: () => void worker.terminate(),
  };
  worker.on("message", (data) => thread.onmessage?.({ data } as MessageEvent));
  worker.on("error", (error: Error) => thread.onerror?.({ message: error.message, preventDefault() {} } as ErrorEvent));
  return thread;
}

/** What a module that a thread was started with hears and answers with; `undefined`: it runs elsewhere. */
export function threadScope(name: string): ThreadScope | undefined {
  const port = parentPort;
  if (isMainThread || !port || (workerData as ThreadData | null)?.amqttThread !== name) return undefined;
  const scope: ThreadScope = { onmessage: null, postMessage: (message) => port.postMessage(message) };
  port.on("message", (data) => scope.onmessage?.({ data } as MessageEvent));
  return scope;
}
