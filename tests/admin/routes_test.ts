/** Every route of the table refuses what it has to: a new one is in here by being in the table. */
import { assert, assertEquals } from "@std/assert";
import { MAXIMUM_BODY_BYTES } from "../../src/admin/request_body.ts";
import { routes } from "../../src/admin/routes/all.ts";
import type { Route } from "../../src/admin/route.ts";
import { startBroker } from "../support/test_broker.ts";
import { AdminUser } from "./support.ts";

const BASE = "http://localhost/api/v1";

/** A request that is right but for what is tried. */
async function bodyless(response: Response): Promise<{ status: number; problem: Record<string, unknown> }> {
  assertEquals(response.headers.get("content-type"), "application/problem+json");
  return { status: response.status, problem: await response.json() };
}

function named({ method, path }: Route): string {
  return `${method} ${path}`;
}

const json = { "content-type": "application/json" };

Deno.test("a request of nobody is answered 401 on every route that needs somebody", async () => {
  await using broker = await startBroker();
  for (const route of routes.filter(({ needs }) => needs !== "nobody")) {
    const request = new Request(`${BASE}${route.path}`, { method: route.method, headers: { "x-csrf-token": "x" } });
    const { status } = await bodyless(await broker.broker.admin(request));
    assertEquals(status, 401, named(route));
  }
});

Deno.test("a role that is too low is answered 403 on every route that needs a higher one", async () => {
  await using broker = await startBroker();
  const lower = { viewer: undefined, operator: "viewer", admin: "operator", nobody: undefined } as const;
  let tried = 0;
  for (const route of routes) {
    const role = lower[route.needs];
    if (role === undefined) continue;
    tried++;
    const user = new AdminUser(broker, role);
    const answer = route.method === "GET" ? await user.ask(route.path) : await user.post(route.path, {});
    const { status, problem } = await bodyless(answer);
    assertEquals(status, 403, named(route));
    assert(String(problem.detail).includes(route.needs), named(route));
  }
  assert(tried >= 9, String(tried));
});

Deno.test("a page of another host is answered 403 on every route", async () => {
  await using broker = await startBroker();
  const user = new AdminUser(broker, "admin");
  for (const route of routes) {
    const headers = { ...json, origin: "http://evil.example", "x-csrf-token": "x" };
    assertEquals(
      (await bodyless(await user.ask(route.path, { method: route.method, headers }))).status,
      403,
      named(route),
    );
    const fetched = { ...json, "sec-fetch-site": "cross-site", "sec-fetch-mode": "cors" };
    const { status } = await bodyless(await user.ask(route.path, { method: route.method, headers: fetched }));
    assertEquals(status, 403, named(route));
  }
});

Deno.test("a changing request without the CSRF header is answered 403 on every route", async () => {
  await using broker = await startBroker();
  const user = new AdminUser(broker, "admin");
  for (const route of routes.filter(({ method }) => method === "POST")) {
    const { status, problem } = await bodyless(
      await user.ask(route.path, { method: "POST", headers: json, body: "{}" }),
    );
    assertEquals(status, 403, named(route));
    assert(String(problem.detail).includes("X-CSRF-Token"), named(route));
  }
});

Deno.test("a body that is too large is answered 413 on every route that takes one", async () => {
  await using broker = await startBroker();
  const user = new AdminUser(broker, "admin");
  const { csrf } = await user.get("/session");
  for (const route of routes.filter(({ method }) => method === "POST")) {
    const body = new Blob(["x".repeat(MAXIMUM_BODY_BYTES + 1)]).stream();
    const init: RequestInit = { method: "POST", headers: { ...json, "x-csrf-token": csrf }, body };
    const { status } = await bodyless(await user.ask(route.path, init));
    assertEquals(status, 413, named(route));
  }
});

Deno.test("a field that is not known is answered 400 with its name on every route", async () => {
  await using broker = await startBroker();
  const user = new AdminUser(broker, "admin");
  for (const route of routes) {
    const answer = route.method === "GET"
      ? await user.ask(`${route.path}?wrongName=1`)
      : await user.post(route.path, { wrongName: 1 });
    const { status, problem } = await bodyless(answer);
    assertEquals(status, 400, named(route));
    const fields = (problem.errors as { field: string }[]).map(({ field }) => field);
    assert(fields.includes("wrongName"), `${named(route)}: ${fields}`);
  }
});

Deno.test("the OpenAPI document names every route with its fields, and no answer may be kept by anybody", async () => {
  await using broker = await startBroker();
  const user = new AdminUser(broker, "viewer");
  const answer = await user.ask("/openapi.json");
  assertEquals(answer.headers.get("cache-control"), "no-store");
  assertEquals(answer.headers.get("x-content-type-options"), "nosniff");
  assert(answer.headers.get("content-security-policy")!.includes("default-src 'none'"));
  const document = await answer.json();
  assertEquals(document.openapi, "3.1.0");
  for (const route of routes) {
    const operation = document.paths[route.path][route.method.toLowerCase()];
    assertEquals(
      operation.parameters.map(({ name }: { name: string }) => name),
      Object.keys(route.query.shape),
      named(route),
    );
    if (route.method !== "POST") continue;
    const { properties } = operation.requestBody.content["application/json"].schema;
    assertEquals(Object.keys(properties), Object.keys(route.body!.shape), named(route));
  }
});
