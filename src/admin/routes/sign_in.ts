/** Signing in with a browser, and out. */
import { z } from "zod";
import { cookieName } from "../access/access.ts";
import type { Identity } from "../access/identity.ts";
import { type Call, get, post, type Route } from "../route.ts";
import { time } from "../views.ts";

const LONGEST = 1024;

/** Who is signed in. */
export function sessionView({ name, role, csrf, payloads, expiresAtMs }: Identity) {
  const expiresAt = expiresAtMs === undefined ? null : time(expiresAtMs);
  return { username: name, role, csrf: csrf ?? null, payloads, expiresAt };
}

/** Behind a proxy it is the browser that speaks TLS, as far as the proxy. */
function isSecure({ caller: { request }, host }: Call): boolean {
  const { protocol } = new URL(request.url);
  const { publicUrl } = host.config.admin;
  const origin = publicUrl === undefined ? undefined : new URL(publicUrl).origin;
  return protocol === "https:" || (origin?.startsWith("https:") === true && request.headers.get("origin") === origin);
}

async function welcome(call: Call, signIn: Promise<Identity> | Identity): Promise<Response> {
  const { access, caller } = call;
  const { request } = caller;
  const identity = await signIn;
  // Whoever signs in anew in one browser is not signed in twice.
  access.endSessionOf(request);
  const secure = isSecure(call) ? "; Secure" : "";
  const cookie = `${cookieName(request)}=${identity.sessionKey}; HttpOnly; SameSite=Strict; Path=/${secure}`;
  return Response.json(sessionView(identity), { headers: { "set-cookie": cookie } });
}

export const signInRoutes: readonly Route[] = [
  post("/sign-in", {
    needs: "nobody",
    summary: "Signs a user of the password file in",
    body: z.strictObject({ username: z.string().min(1).max(LONGEST), password: z.string().min(1).max(LONGEST) }),
    handle: (call) => welcome(call, call.access.signIn(call.body.username, call.body.password, call.caller)),
  }),
  post("/sign-in/link", {
    needs: "nobody",
    summary: "Signs in who has the one-time link that was printed at the start",
    body: z.strictObject({ token: z.string().min(1).max(LONGEST) }),
    handle: (call) => welcome(call, call.access.signInByLink(call.body.token, call.caller)),
  }),
  get("/session", {
    needs: "viewer",
    summary: "Who is signed in",
    handle: ({ identity }) => sessionView(identity),
  }),
  post("/sign-out", {
    needs: "viewer",
    summary: "Ends the session",
    handle: ({ access, identity, caller: { request } }) => {
      access.signOut(identity);
      const cookie = `${cookieName(request)}=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0`;
      return new Response(null, { status: 204, headers: { "set-cookie": cookie } });
    },
  }),
];
