import { PublishBody } from "../../src/packet/publish_body.ts";

/** A payload as it is in a read buffer that will be used again. */
export function borrowed(payload: Uint8Array): PublishBody {
  const layout = { start: 0, identifierAt: 0, payloadStart: 0, end: payload.length, form: undefined };
  return PublishBody.borrowed(payload, layout);
}
