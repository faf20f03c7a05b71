// Verifies tokens as two node libraries do. Reads [{consumer, url, token, alg, issuer, now?}] on stdin and prints, in the same
// order, [{ok, kid?, error?}] on stdout. Each case gets a fresh client, so that no cache hides a document from it.
import { text } from "node:stream/consumers";
import { promisify } from "node:util";

import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from "jose";
import jsonwebtoken from "jsonwebtoken";
import jwksRsa from "jwks-rsa";

async function withJose({ url, token, alg, issuer, now }) {
  const keys = createRemoteJWKSet(new URL(url));
  const currentDate = now ? new Date(now * 1000) : undefined;
  const options = { issuer, algorithms: [alg], currentDate };
  const { protectedHeader } = await jwtVerify(token, keys, options);
  return protectedHeader.kid;
}

async function withJwksRsa({ url, token, alg, issuer, now }) {
  const client = jwksRsa({ jwksUri: url });
  const findKey = (header, done) =>
    client.getSigningKey(header.kid).then((key) => done(null, key.getPublicKey()), done);
  await promisify(jsonwebtoken.verify)(token, findKey, { issuer, algorithms: [alg], clockTimestamp: now });
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

const AT_ONCE = 32; // the document's server is a small one

const cases = JSON.parse(await text(process.stdin));
const answers = [];
while (cases.length) {
  answers.push(...(await Promise.all(cases.splice(0, AT_ONCE).map(verify))));
}
process.stdout.write(JSON.stringify(answers));
