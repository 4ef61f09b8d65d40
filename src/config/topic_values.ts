/** Kinds of values that hold topics. Each says in one sentence what it expects and what it got. */
import { parseTopicFilter, parseTopicName, TopicError, type TopicFilter } from "../packet/topic.ts";
import { type Complain, value } from "./kind.ts";
import { isMapping } from "./mapping.ts";
import type { AccessControlList } from "./permission_config.ts";
import { show, suggestMapping } from "./report.ts";

/** Levels of a topic that stand before others. `%u` and `%c` in them are replaced for each client. */
export const mountpoint = value<string>({ type: "string" }, (input, complain) => {
  if (typeof input !== "string" || !input.endsWith("/") || input.startsWith("$")) {
    complain({ message: `must be levels of a topic that end in "/", such as tenants/%u/: got ${show(input)}` });
    return undefined;
  }
  try {
    return parseTopicName(input);
  } catch (error) {
    if (!(error instanceof TopicError)) throw error;
    complain({ message: error.message });
  }
});

/** A list of topic filters. */
export const topicFilters = value<readonly TopicFilter[], readonly string[]>({
  type: "array",
  items: { type: "string" },
}, (input, complain) => {
  if (!Array.isArray(input)) {
    complain({ message: `must be a list of topic filters: got ${show(input)}` });
    return undefined;
  }
  input.forEach((entry, index) => checkEntry(entry, [index], complain));
  return input as TopicFilter[];
});

/** User name → topic filters. The result has no prototype, so that no user name finds something inherited. */
export const accessControlList = value<Readonly<Record<string, readonly string[]>>, AccessControlList>({
  type: "object",
  additionalProperties: { type: ["array", "null"], items: { type: "string" } },
}, (input, complain) => {
  if (!isMapping(input)) {
    const hint = suggestMapping(input);
    complain({ message: `must map user names to lists of topic filters: got ${show(input)}${hint}` });
    return undefined;
  }
  const lists = Object.create(null) as Record<string, readonly string[]>;
  for (const [username, entries] of Object.entries(input)) {
    if (Array.isArray(entries)) entries.forEach((entry, index) => checkEntry(entry, [username, index], complain));
    else if (entries !== null) {
      complain({ message: `must be a list of topic filters: got ${show(entries)}`, path: [username] });
    }
    lists[username] = (entries ?? []) as readonly string[];
  }
  return lists;
});

function checkEntry(entry: unknown, path: (string | number)[], complain: Complain): void {
  if (typeof entry !== "string") {
    complain({
      message: `must be a topic filter, in quotes if it looks like something else: got ${show(entry)}`,
      path,
    });
    return;
  }
  try {
    parseTopicFilter(entry);
  } catch (error) {
    if (!(error instanceof TopicError)) throw error;
    complain({ message: error.message, path });
  }
}
