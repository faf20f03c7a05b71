// Verifies tokens as two node libraries do. Reads [{consumer, url, token, alg, issuer}] on stdin and prints, in the same
// order, [{ok, kid?, error?}] on stdout. Each case gets a fresh client, so that no cache hides a document from it.
import { text } from "node:stream/consumers";
import { promisify } from "node:util";

import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from "jose";
import jsonwebtoken from "jsonwebtoken";
import jwksRsa from "jwks-rsa";

async function withJose({ url, token, alg, issuer }) {
  const keys = createRemoteJWKSet(new URL(url));
  const { protectedHeader } = await jwtVerify(token, keys, { issuer, algorithms: [alg] });
  return protectedHeader.kid;
}

async function withJwksRsa({ url, token, alg, issuer }) {
  const client = jwksRsa({ jwksUri: url });
  const findKey = (header, done) =>
    client.getSigningKey(header.kid).then((key) => done(null, key.getPublicKey()), done);
  await promisify(jsonwebtoken.verify)(token, findKey, { issuer, algorithms: [alg] });
  return decodeProtectedHeader(token).kid;
}

const CONSUMERS = { jose: withJose, "jwks-rsa": withJwksRsa };

async function verify(wanted) {
  try {
    return { ok: true, kid: await CONSUMERS[wanted.consumer](wanted) };
  } catch (error) {
    return { ok: false, error: `${error.name}: ${error.message}` };
  }
}

const cases = JSON.parse(await text(process.stdin));
process.stdout.write(JSON.stringify(await Promise.all(cases.map(verify))));
