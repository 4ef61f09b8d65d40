/** The `topics` of bridges: what a message is called here and there. */
import { intersects, parseTopicFilter, TopicError, type TopicFilter } from "../packet/topic.ts";
import { filterOf, isReversible, parseTemplate, patternOf, type TopicPattern } from "../packet/topic_pattern.ts";
import type { ResolvedBridge, ResolvedBridgeTopic } from "./bridge_config.ts";
import { bridgeTopicKeys } from "./bridge_table.ts";
import { defaultsOf } from "./key.ts";
import type { KeyPath } from "./key_path.ts";
import { type Report, show, suggestMapping } from "./report.ts";
import { bridgeTopicSchema, type BridgeTopicValues } from "./schema.ts";
import { readSection, type Section } from "./section.ts";

const defaults = defaultsOf(bridgeTopicKeys);

/** Reads the list at `path`. */
export function resolveBridgeTopics(input: unknown, path: KeyPath, report: Report): ResolvedBridgeTopic[] {
  if (input === undefined) return [];
  if (!Array.isArray(input) || input.length === 0) {
    report.fault(path, `must be a list of topics, each with a filter: got ${show(input)}${suggestMapping(input)}`);
    return [];
  }
  return input.flatMap((one: unknown, index) =>
    resolveTopic(readSection(bridgeTopicSchema, one, [...path, index], report), report) ?? []
  );
}

function resolveTopic(own: Section<BridgeTopicValues>, report: Report): ResolvedBridgeTopic | undefined {
  const values = { ...defaults, ...own.values };
  if (values.filter === undefined) {
    if (!report.isFaulty(own.path)) report.fault(own.path, "needs a filter, such as filter: house/#");
    return undefined;
  }
  const names = namesOf(own, values.filter, report);
  if (!names) return undefined;
  const { direction, qos, exclude, retain, maximumAge } = values;
  checkDirection(own, names, direction, report);
  return { ...names, direction, qos, exclude: exclude ?? [], retain, maximumAge };
}

interface Names {
  readonly local: TopicPattern;
  readonly remote: TopicPattern;
}

/** What the topics are called on both sides; `undefined`: that is a fault. */
function namesOf(own: Section<BridgeTopicValues>, filter: string, report: Report): Names | undefined {
  const { localPrefix, remotePrefix, local, remote } = own.values;
  const template = local ?? remote;
  if (template === undefined) {
    const here = read(own, "localPrefix", report, () => patternOf(checked(`${localPrefix ?? ""}${filter}`)));
    const there = read(own, "remotePrefix", report, () => patternOf(checked(`${remotePrefix ?? ""}${filter}`)));
    return here && there && { local: here, remote: there };
  }
  const key = local === undefined ? "remote" : "local";
  for (const other of ["localPrefix", "remotePrefix", ...key === "local" ? ["remote"] as const : []] as const) {
    if (own.values[other] === undefined) continue;
    report.fault(own.pathOf(other), `and ${key} are two ways to say the same: give one of them`);
    return undefined;
  }
  const given = read(own, "filter", report, () => patternOf(checked(filter)));
  const made = given && read(own, key, report, () => parseTemplate(template, given));
  return given && made && (key === "local" ? { local: made, remote: given } : { local: given, remote: made });
}

function checked(text: string): TopicFilter {
  if (text.startsWith("$share/")) throw new TopicError(`what crosses a bridge cannot be shared: got "${text}"`);
  return parseTopicFilter(text);
}

function read<Result>(
  own: Section<BridgeTopicValues>,
  key: keyof BridgeTopicValues & string,
  report: Report,
  parse: () => Result,
): Result | undefined {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof TopicError)) throw error;
    report.fault(own.pathOf(own.values[key] === undefined ? "filter" : key), error.message);
    return undefined;
  }
}

/** Who goes against the sense of a template has to find the way back. */
function checkDirection(
  own: Section<BridgeTopicValues>,
  { local, remote }: Names,
  direction: ResolvedBridgeTopic["direction"],
  report: Report,
): void {
  const { values } = own;
  const key = values.local === undefined ? "remote" : "local";
  if (values[key] !== undefined) {
    const [given, made] = key === "local" ? [remote, local] : [local, remote];
    const along = key === "local" ? "in" : "out";
    if (direction !== along && !isReversible(made, given)) {
      report.fault(own.pathOf(key), `must have each wildcard of the filter once, since direction is ${direction}`);
    }
  }
  if (direction !== "in") return checkSys(own, filterOf(remote), report);
  checkSys(own, filterOf(local), report);
}

/** The broker alone speaks on $SYS, here and there. */
function checkSys(own: Section<BridgeTopicValues>, target: TopicFilter, report: Report): void {
  if (!target.startsWith("$SYS/") && target !== "$SYS") return;
  report.fault(own.path, `would publish to ${target}: only the broker itself speaks on $SYS`);
}

/** Two ways for one message bring it twice, or in a circle. */
export function warnOfOverlaps(
  bridges: readonly ResolvedBridge[],
  place: (name: string) => string,
  report: Report,
): void {
  const all = bridges.flatMap(({ name, topics }) =>
    topics.map((topic) => ({ name, topic, at: filterOf(topic.local) }))
  );
  all.forEach((one, index) => {
    for (const other of all.slice(0, index)) {
      if (one.topic.direction !== "both" && other.topic.direction !== "both") continue;
      if (!intersects(one.at, other.at)) continue;
      const where = one.name === other.name ? "" : ` of ${place(other.name)}`;
      report.warn(
        ["bridges", one.name, "topics"],
        `${one.at} overlaps ${other.at}${where} with direction both: a message may come twice, or go round in a circle ` +
          "where max-hops lets it",
      );
    }
  });
}
