/** Topics that are told one from another by their levels: `modules/+/#` here is `dev/$1/$2` there. */
import { quote } from "../quote.ts";
import { parseTopicFilter, TopicError, type TopicFilter, type TopicName } from "./topic.ts";

/** A level as it stands, or the number of the wildcard that it is, from 1. */
export type PatternLevel = string | number;

/** A topic filter whose wildcards have numbers. */
export interface TopicPattern {
  /** From left to right. */
  readonly levels: readonly PatternLevel[];
  /** The number of the wildcard that stands for all further levels; 0: there is none. */
  readonly rest: number;
}

/** Numbers the wildcards of a topic filter from left to right. */
export function patternOf(filter: TopicFilter): TopicPattern {
  let wildcards = 0;
  const levels = filter.split("/").map((level) => level === "+" || level === "#" ? ++wildcards : level);
  return { levels, rest: filter.endsWith("#") ? wildcards : 0 };
}

/**
 * Reads a topic in which `$1`, `$2` … stand for the wildcards of a filter.
 *
 * @param of the pattern of that filter
 * @throws {TopicError} if a number has no wildcard, what stands for all further levels is not the last level, or the rest
 * cannot be part of a topic
 */
export function parseTemplate(text: string, of: TopicPattern): TopicPattern {
  const wildcards = captureCount(of);
  const levels = text.split("/").map((level): PatternLevel => {
    if (!/^\$\d+$/.test(level)) return level;
    const number = Number(level.slice(1));
    if (number >= 1 && number <= wildcards) return number;
    throw new TopicError(`${level} must be one of the filter's ${wildcards} wildcards: got ${quote(text)}`);
  });
  if (levels.some((level) => typeof level === "string" && /[+#]/.test(level))) {
    throw new TopicError(`a topic with $1, $2 … must not contain a wildcard: got ${quote(text)}`);
  }
  if (of.rest > 0 && levels.slice(0, -1).includes(of.rest)) {
    throw new TopicError(`$${of.rest} stands for "#" and must be the last level: got ${quote(text)}`);
  }
  const pattern = { levels, rest: levels.at(-1) === of.rest ? of.rest : 0 };
  filterOf(pattern);
  return pattern;
}

/** How many wildcards a filter has by its pattern. */
export function captureCount({ levels }: TopicPattern): number {
  return new Set(levels.filter((level) => typeof level === "number")).size;
}

/** Whether every wildcard of `of` stands in the pattern exactly once, so that the way back is certain. */
export function isReversible({ levels }: TopicPattern, of: TopicPattern): boolean {
  const numbers = levels.filter((level) => typeof level === "number");
  return numbers.length === captureCount(of) && new Set(numbers).size === numbers.length;
}

/** The topic filter that matches what the pattern can be. */
export function filterOf({ levels, rest }: TopicPattern): TopicFilter {
  return parseTopicFilter(
    levels.map((level) => typeof level === "string" ? level : level === rest ? "#" : "+").join("/"),
  );
}

/** The topic by `to` of one by `from`; `undefined`: it is none by `from`. */
export function translate(topicName: TopicName, from: TopicPattern, to: TopicPattern): TopicName | undefined {
  const found = captured(topicName, from);
  if (!found) return undefined;
  const levels: string[] = [];
  for (const level of to.levels) {
    if (typeof level === "string") levels.push(level);
    else levels.push(...found[level] ?? []);
  }
  const text = levels.join("/");
  return text === "" ? undefined : text as TopicName;
}

/** The levels that each wildcard stands for, by its number; `undefined`: the topic is none of these. */
function captured(topicName: TopicName, { levels, rest }: TopicPattern): (readonly string[] | undefined)[] | undefined {
  const parts = topicName.split("/");
  // [MQTT-4.7.2-1] 3.1.1 and 5.0
  if (topicName.startsWith("$") && typeof levels[0] === "number") return undefined;
  const fixed = rest > 0 ? levels.length - 1 : levels.length;
  if (parts.length < fixed || (rest === 0 && parts.length > fixed)) return undefined;
  const found: (readonly string[] | undefined)[] = [];
  for (let i = 0; i < fixed; i++) {
    const level = levels[i]!;
    if (typeof level === "number") found[level] = [parts[i]!];
    else if (level !== parts[i]) return undefined;
  }
  if (rest > 0) found[rest] = parts.slice(fixed);
  return found;
}
