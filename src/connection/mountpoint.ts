/** What stands before all topics of a client, which does not know of it. */
import type { MessageProperties } from "../packet/packets.ts";
import { PublishBody } from "../packet/publish_body.ts";
import { isTopicLength, parseSharedFilter, type TopicFilter, type TopicName } from "../packet/topic.ts";

/** A mountpoint with nothing left to replace, such as `tenants/acme/`. It ends in `/`, so that a topic follows. */
export type Mountpoint = string & { readonly "~brand": "Mountpoint" };

/** Where a topic of the client is; `undefined`: it is too long there. */
export function mountedName(mountpoint: Mountpoint, topicName: TopicName): TopicName | undefined {
  const mounted = mountpoint + topicName;
  return isTopicLength(mounted) ? mounted as TopicName : undefined;
}

/**
 * Where a topic filter of the client leads; what is shared stays so. `undefined`: it is too long there.
 *
 * @throws {TopicError} as {@linkcode parseSharedFilter}
 */
export function mountedFilter(mountpoint: Mountpoint, key: TopicFilter): TopicFilter | undefined {
  const shared = parseSharedFilter(key);
  const mounted = shared ? `$share/${shared.shareName}/${mountpoint}${shared.topicFilter}` : mountpoint + key;
  return isTopicLength(mounted) ? mounted as TopicFilter : undefined;
}

/** A topic as the client knows it; `undefined`: it is not below the mountpoint. */
export function unmountedName(mountpoint: Mountpoint, topicName: TopicName): TopicName | undefined {
  if (!topicName.startsWith(mountpoint) || topicName.length === mountpoint.length) return undefined;
  return topicName.slice(mountpoint.length) as TopicName;
}

/** The body of a client's message, its response topic mounted; `undefined`: that is too long there. */
export function mountedBody(mountpoint: Mountpoint, body: PublishBody): PublishBody | undefined {
  body.rename();
  const properties = body.constantsSizeBytes === 0 ? undefined : body.properties;
  if (properties?.responseTopic === undefined) return body;
  const mounted = mountedProperties(mountpoint, properties);
  return mounted && PublishBody.of(body.payload, mounted);
}

/**
 * A body as the client is given it: without a response topic that it could not reach.
 *
 * @param reachable topics beyond the mountpoint that it may publish to
 */
export function unmountedBody(
  mountpoint: Mountpoint,
  body: PublishBody,
  reachable: ReadonlySet<string>,
): PublishBody {
  const properties = body.constantsSizeBytes === 0 ? undefined : body.properties;
  if (properties?.responseTopic === undefined || reachable.has(properties.responseTopic)) return body;
  const responseTopic = unmountedName(mountpoint, properties.responseTopic);
  return PublishBody.of(body.payload, { ...properties, responseTopic });
}

/** Properties with their response topic mounted; `undefined`: that is too long there. */
export function mountedProperties(
  mountpoint: Mountpoint,
  properties: MessageProperties,
): MessageProperties | undefined {
  if (properties.responseTopic === undefined) return properties;
  const responseTopic = mountedName(mountpoint, properties.responseTopic);
  return responseTopic && { ...properties, responseTopic };
}
