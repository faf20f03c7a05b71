// How a token is put before each verifier. `ask` comes to {verdict: "accepted" | "rejected" | "failed", why}: a verifier
// that cannot get its keys rejects like any other; "failed" is the way to it alone. One that can tell which keys it holds
// has `holds` too.
import { Agent, request } from "node:http";

import { createRemoteJWKSet, jwtVerify } from "jose";
import jsonwebtoken from "jsonwebtoken";
import jwksRsa from "jwks-rsa";

const ACCEPTED = { verdict: "accepted" };
const rejected = (why) => ({ verdict: "rejected", why });
const failed = (why) => ({ verdict: "failed", why });

function withJose({ jwks_url, cache_s, cooldown_s, leeway_s }, { issuer, audience }) {
  const keys = createRemoteJWKSet(new URL(jwks_url), {
    cacheMaxAge: cache_s * 1000,
    cooldownDuration: cooldown_s * 1000,
  });
  const options = { issuer, audience, algorithms: ["ES256"], clockTolerance: leeway_s };
  const ask = async ({ text }) => {
    try {
      await jwtVerify(text, keys, options);
      return ACCEPTED;
    } catch (error) {
      return rejected(`${error.name}: ${error.message}`);
    }
  };
  const holds = () => {
    const kids = keys.jwks()?.keys.map(({ kid }) => kid) ?? [];
    return { kids, source: jwks_url, state: keys.fresh ? "fresh" : kids.length ? "stale" : "empty" };
  };
  return { ask, holds };
}

function withJwksRsa({ jwks_url, cache_s, leeway_s }, { issuer, audience }) {
  const client = jwksRsa({ jwksUri: jwks_url, cacheMaxAge: cache_s * 1000 });
  const findKey = ({ kid }, done) =>
    client.getSigningKey(kid).then((key) => done(null, key.getPublicKey()), done);
  const options = { issuer, audience, algorithms: ["ES256"], clockTolerance: leeway_s };
  const ask = ({ text }) =>
    new Promise((settle) => {
      jsonwebtoken.verify(text, findKey, options, (error) =>
        settle(error ? rejected(`${error.name}: ${error.message}`) : ACCEPTED),
      );
    });
  return { ask };
}

function overHttp({ port, path, accepts, rejects, login, width }) {
  const agent = new Agent({ keepAlive: true, maxSockets: width });
  const posts = Object.keys(login).length > 0;
  const to = { host: "127.0.0.1", port, path, agent, method: posts ? "POST" : "GET", timeout: 20_000 };
  const ask = ({ text }) =>
    new Promise((settle) => {
      const headers = posts ? { "content-type": "application/json" } : { authorization: `Bearer ${text}` };
      const asked = request({ ...to, headers }, (answer) => {
        const parts = [];
        answer.on("data", (part) => parts.push(part));
        answer.on("error", (error) => settle(failed(error.message)));
        answer.on("end", () => {
          if (answer.statusCode === accepts) return settle(ACCEPTED);
          const words = `${answer.statusCode} ${Buffer.concat(parts).toString().trim().slice(0, 200)}`;
          settle(answer.statusCode === rejects ? rejected(words) : failed(words));
        });
      });
      asked.on("timeout", () => asked.destroy(new Error("no answer within 20 s")));
      asked.on("error", (error) => settle(failed(error.message)));
      asked.end(posts ? JSON.stringify({ ...login, jwt: text }) : undefined);
    });
  return { ask };
}

const LIBRARIES = { jose: withJose, "jwks-rsa": withJwksRsa };

export const verifierOf = (spec, common) => (LIBRARIES[spec.kind] ?? overHttp)(spec, common);
