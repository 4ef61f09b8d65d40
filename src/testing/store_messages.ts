/** What a store keeps of messages and their deliveries. */
import { deepStrictEqual } from "node:assert/strict";
import { parseTopicFilter } from "../packet/topic.ts";
import type { DeliveryRange } from "../store/store.ts";
import {
  delivery,
  filled,
  message,
  messageOf,
  opened,
  type PlaceCases,
  properties,
  queued,
  session,
  underWay,
} from "./store_samples.ts";

/** What a store keeps of messages and their deliveries. */
export const messagesCases: PlaceCases = {
  async "a message comes back as it was, in each session it waits for"(place) {
    const large = messageOf(2 ** 53 - 1, {
      payload: Uint8Array.from({ length: 70_000 }, (_, index) => index % 251),
      qos: 2,
      retain: true,
      properties,
      publisher: "p",
      expiresAt: 1_900_000_000_000,
    });
    const small = messageOf(1, { payload: new Uint8Array(), properties: {} });
    const share = parseTopicFilter("$share/g/#");
    const changes = [
      { type: "message", message: large },
      { type: "message", message: small },
      delivery(1, 1, large.id, { qos: 2, retain: true, subscriptionIdentifiers: [1, 268_435_455], share }),
      delivery(1, 2, small.id),
      delivery(2, 2 ** 53 - 1, large.id),
    ] as const;
    await filled(place, [session(1), session(2), ...changes]);
    const store = await place.create();
    await opened(store);
    const queuedAs = { state: "queued", packetIdentifier: 0 } as const;
    deepStrictEqual(await store.deliveries(1, queued), [
      {
        sequence: 1,
        message: large,
        qos: 2,
        retain: true,
        subscriptionIdentifiers: [1, 268_435_455],
        share,
        ...queuedAs,
      },
      { sequence: 2, message: small, qos: 1, retain: false, ...queuedAs },
    ]);
    deepStrictEqual((await store.deliveries(2, queued)).map(({ message }) => message), [large]);
    await store.close();
  },

  async "a payload may be altered once append has returned"(place) {
    const store = await place.create();
    await opened(store);
    const buffer = new Uint8Array([9, 1, 2, 3, 9]);
    const correlationData = buffer.subarray(1, 3);
    const bringing = message(1, { payload: buffer.subarray(1, 4), properties: { correlationData } });
    const first = store.append([session(1), message(2), delivery(1, 1, 2)]);
    const second = store.append([bringing, delivery(1, 2, 1)]);
    buffer.fill(0);
    await Promise.all([first, second]);
    const [, { message: found }] = await store.deliveries(1, queued);
    deepStrictEqual(found?.payload, new Uint8Array([1, 2, 3]));
    deepStrictEqual(found?.properties?.correlationData, new Uint8Array([1, 2]));
    await store.close();
  },

  async "a delivery goes through its states"(place) {
    await filled(
      place,
      [session(1), message(1), ...[1, 2, 3].map((n) => delivery(1, n, 1, { qos: 2 }))],
      [{ type: "sent", session: 1, sequence: 1, packetIdentifier: 65_535 }],
      [{ type: "sent", session: 1, sequence: 2, packetIdentifier: 6 }, { type: "released", session: 1, sequence: 2 }],
      [message(2), delivery(1, 4, 2, { qos: 2, state: "sent", packetIdentifier: 8 }), {
        type: "settled",
        session: 1,
        sequence: 3,
      }],
      // Nobody knows of it any more, or ever did.
      [{ type: "settled", session: 1, sequence: 3 }, { type: "settled", session: 9, sequence: 1 }],
    );
    const store = await place.create();
    await opened(store);
    deepStrictEqual(await store.deliveries(1, queued), []);
    const found = await store.deliveries(1, underWay);
    deepStrictEqual(found.map(({ sequence, state, packetIdentifier }) => [sequence, state, packetIdentifier]), [
      [1, "sent", 65_535],
      [2, "released", 6],
      [4, "sent", 8],
    ]);
    deepStrictEqual([found[0]?.message?.id, found[2]?.message?.id], [1, 2]);
    await store.append([1, 2, 4].map((sequence) => ({ type: "settled", session: 1, sequence })));
    deepStrictEqual(await store.deliveries(1, underWay), []);
    await store.close();
  },

  async "deliveries come in pages by number and by size"(place) {
    const store = await place.create();
    await opened(store);
    const sizes = [10, 10, 25, 1, 40];
    await store.append([
      session(1),
      ...sizes.map((size, index) => message(index + 1, { payload: new Uint8Array(size) })),
      ...sizes.map((_, index) => delivery(1, index + 1, index + 1)),
    ]);
    const page = async (range: Partial<DeliveryRange>) =>
      (await store.deliveries(1, { ...queued, ...range })).map(({ sequence }) => sequence);
    deepStrictEqual(await page({ maximumMessages: 2 }), [1, 2]);
    deepStrictEqual(await page({ maximumMessages: 2, after: 2 }), [3, 4]);
    deepStrictEqual(await page({ maximumBytes: 20 }), [1, 2]);
    deepStrictEqual(await page({ maximumBytes: 21 }), [1, 2, 3]);
    deepStrictEqual(await page({ after: 4, maximumBytes: 1 }), [5]);
    deepStrictEqual(await page({ after: 5 }), []);
    await store.close();
  },

  async "deliveries see all that was appended before, committed or not"(place) {
    const store = await place.create();
    await opened(store);
    const appends = [store.append([session(1), message(1), delivery(1, 1, 1)]), store.append([delivery(1, 2, 1)])];
    const before = store.deliveries(1, queued);
    appends.push(store.append([{ type: "settled", session: 1, sequence: 1 }]));
    const after = store.deliveries(1, queued);
    deepStrictEqual((await before).map(({ sequence }) => sequence), [1, 2]);
    deepStrictEqual((await after).map(({ sequence }) => sequence), [2]);
    await Promise.all(appends);
    await store.close();
  },
};
