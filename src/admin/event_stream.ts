/** Events and bytes that may wait for one reader; what comes then is dropped, and counted. */
const MAXIMUM_EVENTS = 500;
const MAXIMUM_BYTES = 2 ** 20;
/** How often a silent stream shows that it is there. */
const HEARTBEAT_MS = 15_000;
/** What is written to the reader in one go at most. */
const CHUNK_EVENTS = 50;

const encoder = new TextEncoder();

/** Server-Sent Events for one reader, who is never waited for. */
export class EventStream {
  readonly response: Response;
  #queue: string[] = [];
  #bytes = 0;
  #dropped = 0;
  #closed = false;
  #wake: (() => void) | undefined;
  #cancelHeartbeat: () => void;
  readonly #after: (ms: number, run: () => void) => () => void;
  readonly #endings: (() => void)[] = [];

  /** @param after calls something once in some milliseconds, unless what it returns is called before */
  constructor(after: (ms: number, run: () => void) => () => void) {
    this.#after = after;
    this.#cancelHeartbeat = after(HEARTBEAT_MS, () => this.#beat());
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => this.#pull(controller),
      cancel: () => this.#end(),
    }, { highWaterMark: 0 });
    this.response = new Response(body, {
      headers: { "content-type": "text/event-stream", "x-accel-buffering": "no" },
    });
    // Says at once that the stream stands.
    this.#add(": open\n\n");
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Sends an event, or drops it if the reader is too slow. */
  push(name: string, data: unknown): void {
    if (this.#closed) return;
    const text = `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
    if (this.#queue.length >= MAXIMUM_EVENTS || this.#bytes + text.length > MAXIMUM_BYTES) this.#dropped++;
    else this.#add(text);
  }

  /** Called once, when the reader has gone or the stream was closed. */
  onEnd(ending: () => void): void {
    if (this.#closed) ending();
    else this.#endings.push(ending);
  }

  /** Ends the stream; what waits is still sent. */
  close(): void {
    this.#end();
    this.#wake?.();
  }

  #add(text: string): void {
    this.#queue.push(text);
    this.#bytes += text.length;
    this.#wake?.();
  }

  async #pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    if (this.#queue.length === 0 && !this.#closed) {
      await new Promise<void>((resolve) => this.#wake = resolve);
      this.#wake = undefined;
    }
    const events = this.#queue.splice(0, CHUNK_EVENTS);
    for (const { length } of events) this.#bytes -= length;
    if (this.#queue.length === 0 && this.#dropped > 0) {
      events.push(`event: dropped\ndata: ${JSON.stringify({ count: this.#dropped })}\n\n`);
      this.#dropped = 0;
    }
    if (events.length > 0) controller.enqueue(encoder.encode(events.join("")));
    if (this.#closed && this.#queue.length === 0) controller.close();
  }

  #beat(): void {
    if (this.#queue.length === 0) this.#add(":\n\n");
    this.#cancelHeartbeat = this.#after(HEARTBEAT_MS, () => this.#beat());
  }

  #end(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancelHeartbeat();
    this.#wake?.();
    for (const ending of this.#endings.splice(0)) ending();
  }
}
