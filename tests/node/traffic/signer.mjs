// A region's signer, as a service would be one: it follows signing.json, knows nothing else of rotator, and stops by itself
// when it has not read its orders for as long as they allow.
import { createPrivateKey, sign } from "node:crypto";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";

const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

export class Signer {
  refused = 0; // tokens that it would not sign, since its orders were too old
  last = {}; // kid → when it last signed with that key, in milliseconds since 1970
  failures = 0; // looks at its orders that came to nothing
  #serial = 0;

  constructor({ name, issuer, audience, signing, base, passphrase }) {
    Object.assign(this, { name, issuer, audience, signing, base, passphrase });
    this.refresh();
  }

  // Reads its orders now, and again and again after that.
  refresh() {
    try {
      this.#follow(JSON.parse(readFileSync(this.signing, "utf-8")));
      this.readAt = performance.now();
    } catch {
      this.failures += 1;
    }
    setTimeout(() => this.refresh(), 1000 * (this.orders?.refresh_after_s ?? 0.1));
  }

  #follow(orders) {
    const { kid, alg, key } = orders.active;
    if (kid !== this.kid) {
      const pem = readFileSync(resolve(this.base, key.path));
      const passphrase = readFileSync(this.passphrase, "utf-8").trimEnd();
      this.key = createPrivateKey({ key: pem, passphrase });
      this.head = encode({ alg, kid });
      this.kid = kid;
    }
    this.orders = orders;
  }

  // One token, with what its checkers must know of it; null when it may not sign.
  sign(now) {
    if (!this.key || performance.now() - this.readAt > 1000 * this.orders.stop_after_s) {
      this.refused += 1;
      return null;
    }
    const iat = Math.floor(now / 1000);
    const exp = iat + this.orders.max_token_lifetime_s;
    const jti = `${this.name}/${(this.#serial += 1)}`;
    const claims = { iss: this.issuer, aud: this.audience, sub: this.audience, iat, exp, jti };
    const text = `${this.head}.${encode(claims)}`;
    const signature = sign("sha256", Buffer.from(text), { key: this.key, dsaEncoding: "ieee-p1363" });
    this.last[this.kid] = now;
    return { text: `${text}.${signature.toString("base64url")}`, kid: this.kid, exp, at: now, from: this.name };
  }
}
