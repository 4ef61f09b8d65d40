import { malformed } from "./protocol_error.ts";
import { parseTopicFilter, parseTopicName, TopicError, type TopicFilter, type TopicName } from "./topic.ts";

/**
 * A topic name that came in a packet.
 *
 * @throws {ProtocolError} 0x81 if it is not one; `field` names it in the message
 */
export function topicNameField(text: string, field: string): TopicName {
  return checked(() => parseTopicName(text), field);
}

/**
 * A topic filter that came in a packet.
 *
 * @throws {ProtocolError} 0x81 if it is not one; `field` names it in the message
 */
export function topicFilterField(text: string, field: string): TopicFilter {
  return checked(() => parseTopicFilter(text), field);
}

function checked<T>(parse: () => T, field: string): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof TopicError) throw malformed(`${field}: ${error.message}`);
    throw error;
  }
}
