import type { Will } from "./packets.ts";
import { PublishBody } from "./publish_body.ts";

/**
 * The same will with its properties in their bytes: they are read anew each time somebody asks. As objects they would take
 * many times as much, for as long as the client may be lost.
 *
 * @throws {RangeError} if a property is longer than the format can tell
 */
export function compactWill(will: Will): Will {
  const body = PublishBody.of(will.payload, will.properties);
  const { topicName, qos, retain, delayIntervalSeconds } = will;
  const { payload } = body;
  if (body.propertiesSizeBytes === 0) return { topicName, payload, qos, retain, delayIntervalSeconds };
  return {
    topicName,
    payload,
    qos,
    retain,
    get properties() {
      return body.properties;
    },
    delayIntervalSeconds,
  };
}
