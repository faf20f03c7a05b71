// A thief with a stolen private half: signs with it from the moment on at which it lies at `stolen` as {kid, alg, pem}.
import { createPrivateKey, sign } from "node:crypto";
import { readFileSync } from "node:fs";

const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

export class Forger {
  constructor({ stolen, issuer, audience }) {
    Object.assign(this, { stolen, issuer, audience });
  }

  // One forged token, good for a minute; null while nothing is stolen.
  sign(now) {
    if (!this.key && !this.#steal()) return null;
    const iat = Math.floor(now / 1000);
    const claims = { iss: this.issuer, aud: this.audience, sub: this.audience, iat, exp: iat + 60, jti: `forged/${now}` };
    const text = `${encode({ alg: this.alg, kid: this.kid })}.${encode(claims)}`;
    const signature = sign("sha256", Buffer.from(text), { key: this.key, dsaEncoding: "ieee-p1363" });
    return { text: `${text}.${signature.toString("base64url")}`, kid: this.kid, exp: iat + 60, at: now, forged: true };
  }

  #steal() {
    try {
      const { kid, alg, pem } = JSON.parse(readFileSync(this.stolen, "utf-8"));
      Object.assign(this, { kid, alg, key: createPrivateKey(pem) });
      return true;
    } catch {
      return false;
    }
  }
}
