"""The configuration that `rotator init` writes: commented, complete, and right as it stands."""

GITIGNORE = ".rotator/\n"
"""State and private keys stay out of version control."""

REGIONS = ("us-east-1", "eu-central-1", "ap-northeast-1")

_HEAD = """\
# rotator: which keys sign where, and how they are rotated. Check it: rotator config check
# Durations: 500ms, 30s, 15m, 24h, 90d, 1d12h. Paths are relative to this file; {issuer} is filled in.
version: 1
"""

_LOCAL = """
# What rotator remembers: keys, moments, audit log. Back it up: rotator state export
state: {kind: sqlite, path: .rotator/state.db}

# Private keys, encrypted. The passphrase is in $ROTATOR_KEY_PASSPHRASE, or in the file that $ROTATOR_KEY_PASSPHRASE_FILE
# names; without either one is generated beside the keys, which protects from little.
keys: {kind: local, path: .rotator/keys}
"""

_AWS = """
# What rotator remembers: keys, moments, audit log. A file is for one machine; back it up: rotator state export
state: {kind: sqlite, path: .rotator/state.db}
# Laptop, CI and scheduler share one state in a private bucket, best with versioning on:
#state: {kind: s3, bucket: example-rotator-state, prefix: rotator, aws: {region: us-east-1}}

# Private keys in AWS KMS, which they never leave: made in the primary region, replicated to every region that signs.
# Signers find the active one in signing.json, or behind the alias of their region. More, with its defaults:
# policy_file: null (a key policy in JSON, for every new key), rollback_window: 7d (a key that signs no more is disabled
# after that), deletion_window: 30d (KMS deletes a removed key after that).
keys: {kind: kms, primary_region: us-east-1, alias: "alias/rotator/{issuer}"}
# Signers faster than KMS's quotas: pairs encrypted by a multi-region KMS key of yours, decrypted once by each signer:
#keys: {kind: kms-wrapped, primary_region: us-east-1, wrapping_key: alias/rotator-wrapping}
"""

_POLICY = """
# The defaults, for every issuer. An issuer may say any of it again, under a `policy` of its own.
policy:
  algorithm: ES256             # RS256/384/512 PS256/384/512 ES256/384/512 EdDSA Ed25519
  rotate_every: 90d
  publish_lead: 24h            # how long every region serves a key before it signs
  standby_keys: 1              # published and ready, so that an emergency needs no waiting
  access_token_lifetime: 15m
  refresh_token_lifetime: 30d  # 0 when refresh tokens are not signed by these keys
  leeway: 30s                  # what verifiers grant to clocks
  max_clock_drift: 5s          # how far clocks may be apart
  signer_stop: 24h             # signers cut off from signing.json for so long stop
  edge_cache: 5m               # how long a CDN in front keeps the JWKS
  # Who checks your tokens? Names rotator knows (pyjwt, jose-panva, node-jwks-rsa, nimbus, spring-servlet, go-oidc,
  # envoy-jwt-authn, aws-httpapi, …), or numbers: {name: our-gateway, add: 10m, remove: 10m, max_keys: 10}.
  # None named: one that learns a new key within 2 h.
  verifiers: []
  run_every: 24h               # how often rotator runs
"""

_WAVES = """\
  # A switch goes through the regions wave by wave; each wave signs for the bake before the next one follows:
  #waves: [[eu-central-1], [us-east-1, ap-northeast-1]]
  #bake: 30m
"""

_ISSUERS = """
# A switch begins only inside these windows and on no blackout day, here or under an issuer. Publishing, repairs, removals,
# rollback and revoke need none; have rotator run inside them.
#schedule: {timezone: Europe/Berlin, windows: ["Mon-Fri 09:00-16:00"], blackout: [2026-12-20/2027-01-03]}

# One `iss`, one key set.
issuers:
  accounts:
    url: https://auth.example.com
    # The URL that clients are told, where one stands in front of all regions; it gates a switch like a region:
    #jwks_url: https://auth.example.com/.well-known/jwks.json

# Signed checkpoints make a cut audit log show; the key is Ed25519: openssl genpkey -algorithm ed25519 -out checkpoint.pem
#audit: {checkpoint_key: checkpoint.pem, checkpoint_every: 24h}

# Who is told of switches, closed gates, what is overdue, foreign keys and revocations; url_env names the variable that has it:
#notify: [{kind: slack, url_env: SLACK_WEBHOOK_URL}, {kind: webhook, url: "https://ops.example.com/rotator", secret_env: HOOK_SECRET}]

# Metrics of runs that end, for node_exporter's textfile collector; the daemon serves its own.
#metrics: {textfile: /var/lib/node_exporter/textfile/rotator.prom}

# `rotator daemon` in place of a scheduler that calls `rotator apply --yes`. Other addresses than this host's need a token.
#daemon: {listen: "127.0.0.1:9464", apply: "17 6 * * *", timezone: UTC, jitter: 10m, verify_every: 5m}
"""

_FOLDER = """\
  {region}:
    jwks: {{kind: file, path: "regions/{region}/{{issuer}}/jwks.json"}}
    signing: {{kind: file, path: "regions/{region}/{{issuer}}/signing.json"}}
"""

_BUCKETS = """\
  {region}:
    aws: {{region: {region}}}
    jwks: {{kind: s3, bucket: example-jwks-{region}, key: "{{issuer}}/jwks.json"}}
    signing: {{kind: s3, bucket: example-signing-{region}, key: "{{issuer}}/signing.json"}}
    checks:
      - {{kind: http, url: "https://{region}.auth.example.com/{{issuer}}/jwks.json"}}
"""

_CHECKS = """\
#      - {kind: verifier, url: "https://api.us-east-1.example.com/healthz/jwks"}   # what running verifiers hold
#      - {kind: clock, ntp: time.example.com}                                      # beside the Date of every answer
#      - {kind: canary, url: "https://api.us-east-1.example.com/canary"}           # accepts a token of the next key
"""

_ABOUT_FOLDERS = f"""
# Where tokens are signed and the JWKS is served. rotator writes both documents of each region: jwks.json for the public,
# signing.json for the signers there. Add the public URL, so that rotator sees what consumers see, and more witnesses:
#    checks:
#      - {{kind: http, url: "https://us-east-1.auth.example.com/{{issuer}}/jwks.json"}}
{_CHECKS}regions:
"""

_ABOUT_BUCKETS = f"""
# Where tokens are signed and the JWKS is served. rotator writes both documents of each region: jwks.json for the public,
# signing.json for the signers there, in a bucket that only they can read. It needs s3:GetObject and s3:PutObject on both
# objects, and s3:ListBucket, without which S3 does not say that an object is missing.
# Under `aws`, beside the region that KMS needs: profile, role_arn with external_id and session_name,
# endpoints: {{s3: https://…, kms: https://…, sts: https://…}}.
# The JWKS is served with `cache_control: public, max-age=300` unless it says otherwise. A CloudFront distribution in front of
# it has its cache policy judged by `rotator doctor` when the region names it: `cdn: {{kind: cloudfront, distribution: E…}}`.
# Beside the http check a region may have more witnesses:
{_CHECKS}regions:
"""


def template(*, aws: bool = False) -> str:
    """The text of a rotator.yaml for three regions: folders, or S3 buckets and KMS with `aws`."""
    kept, about, region = (
        (_AWS, _WAVES + _ABOUT_BUCKETS, _BUCKETS) if aws else (_LOCAL, _ABOUT_FOLDERS, _FOLDER)
    )
    regions = "".join(region.format(region=name) for name in REGIONS)
    return _HEAD + kept + _POLICY + about + regions + _ISSUERS
