import { z } from "zod";
import denoJson from "../../deno.json" with { type: "json" };
import type { Route } from "./route.ts";

const problem = { description: "A problem document (RFC 9457)", content: { "application/problem+json": {} } };

/** The OpenAPI 3.1 document of these routes, made from the schemas that check the requests. */
export function openApiOf(routes: readonly Route[]): unknown {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) (paths[route.path] ??= {})[route.method.toLowerCase()] = operationOf(route);
  return {
    openapi: "3.1.0",
    info: { title: "Admin API of @amqtt/broker", version: denoJson.version },
    servers: [{ url: "." }],
    components: {
      securitySchemes: {
        bearer: { type: "http", scheme: "bearer" },
        session: { type: "apiKey", in: "cookie", name: "amqtt_admin_9883" },
      },
    },
    paths,
  };
}

function operationOf({ summary, needs, query, body, events }: Route) {
  const content = events ? { "text/event-stream": { "x-events": events } } : { "application/json": {} };
  return {
    summary,
    "x-role": needs,
    security: needs === "nobody" ? [] : [{ bearer: [] }, { session: [] }],
    parameters: parametersOf(query),
    ...(body && { requestBody: { required: true, content: { "application/json": { schema: schemaOf(body) } } } }),
    responses: { 200: { description: "As asked for", content }, 400: problem, 401: problem, 403: problem },
  };
}

function parametersOf(query: z.ZodObject) {
  const { properties = {}, required = [] } = schemaOf(query);
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    in: "query",
    required: required.includes(name),
    schema,
  }));
}

function schemaOf(schema: z.ZodObject): { properties?: Record<string, unknown>; required?: readonly string[] } {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: "input", target: "draft-2020-12" });
  return rest as ReturnType<typeof schemaOf>;
}
