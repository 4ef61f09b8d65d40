import { PublishBody } from "../../src/packet/publish_body.ts";

/** A payload as it is in a read buffer that will be used again. */
export function borrowed(payload: Uint8Array): PublishBody {
  const starts = { start: 0, propertiesStart: 0, constantsStart: 0, payloadStart: 0 };
  return PublishBody.borrowed(payload, { ...starts, identifierAt: 0, end: payload.length, form: undefined });
}
