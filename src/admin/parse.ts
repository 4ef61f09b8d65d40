import {
  parseSharedFilter,
  parseTopicFilter,
  parseTopicName,
  TopicError,
  type TopicFilter,
  type TopicName,
} from "../packet/topic.ts";
import { fieldProblem } from "./problem.ts";

/** @param field whose value it is. @throws {Problem} that names it */
export function topicNameOf(field: string, text: string): TopicName {
  return named(field, () => parseTopicName(text));
}

/** @param field whose value it is. @throws {Problem} that names it */
export function filterOf(field: string, text: string): TopicFilter {
  return named(field, () => {
    const filter = parseTopicFilter(text);
    parseSharedFilter(filter);
    return filter;
  });
}

function named<Value>(field: string, parse: () => Value): Value {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof TopicError)) throw error;
    throw fieldProblem(field, error.message);
  }
}
