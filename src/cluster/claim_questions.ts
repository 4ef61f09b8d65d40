/** What nodes ask each other about client identifiers, and the answers, as bytes. */
import { BytesError, ByteSink, ByteSource } from "./bytes.ts";

/** What is asked. */
export const QuestionType = {
  /** A client of that identifier comes: answered with since when the node has it, 0 if it does not get it. */
  Claim: 1,
  /** Another node has it since then. */
  Kick: 2,
  /** The node has it since then: answered with 1, or 0 if that is not for the one that is told. */
  Held: 3,
  /** The node has it no longer. */
  Release: 4,
} as const;
export type QuestionType = typeof QuestionType[keyof typeof QuestionType];

/** What is asked of one identifier. */
export interface Asked {
  readonly clientIdentifier: string;
  /** Milliseconds since the epoch. */
  readonly sinceMs: number;
  /** Of its shard, as the one that asks knows it. */
  readonly epoch: number;
}

/** A question. */
export interface Question {
  readonly type: QuestionType;
  /** Up to where the one that asks has read the log. */
  readonly position: number;
  readonly asked: readonly Asked[];
}

/** An answer. */
export interface Answer {
  /** One for each identifier. */
  readonly results: readonly number[];
  /** Up to where the one that answers has read the log. */
  readonly position: number;
}

export function encodeQuestion({ type, position, asked }: Question): Uint8Array {
  const sink = new ByteSink();
  sink.u8(type);
  sink.number(position);
  sink.list(asked, ({ clientIdentifier, sinceMs, epoch }) => {
    sink.text(clientIdentifier);
    sink.number(sinceMs);
    sink.number(epoch);
  });
  return sink.take();
}

/** @throws {BytesError} if it is none; its type may be one that is not known */
export function decodeQuestion(bytes: Uint8Array): Question {
  const source = new ByteSource(bytes);
  const [type, position] = [source.u8() as QuestionType, source.number()];
  const asked = source.list(() => ({
    clientIdentifier: source.text(),
    sinceMs: source.number(),
    epoch: source.number(),
  }));
  return { type, position, asked };
}

export function encodeAnswer({ results, position }: Answer): Uint8Array {
  const sink = new ByteSink();
  sink.number(position);
  for (const result of results) sink.number(result);
  return sink.take();
}

/** @param count how many identifiers were asked about @returns `undefined`: it is none */
export function decodeAnswer(bytes: Uint8Array | undefined, count: number): Answer | undefined {
  if (bytes === undefined) return undefined;
  try {
    const source = new ByteSource(bytes);
    const position = source.number();
    return { position, results: Array.from({ length: count }, () => source.number()) };
  } catch (error) {
    if (error instanceof BytesError) return undefined;
    throw error;
  }
}
