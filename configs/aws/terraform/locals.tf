data "aws_caller_identity" "here" {}

data "aws_partition" "here" {}

locals {
  account      = data.aws_caller_identity.here.account_id
  partition    = data.aws_partition.here.partition
  state_region = coalesce(var.state_region, var.primary_region)

  # Replaced versions of key sets are public anyway and stay.
  buckets = merge(
    { for r in var.regions : "jwks-${r}" => { kind = "jwks", region = r, prefix = var.document_prefix, keep_days = null } },
    { for r in var.regions : "signing-${r}" => { kind = "signing", region = r, prefix = var.document_prefix, keep_days = var.keep_old_signing_days } },
    { state = { kind = "state", region = local.state_region, prefix = "${var.state_prefix}/", keep_days = var.keep_old_state_days } },
  )

  # One pattern for all regions: the policies name the account as well, so that nobody else's bucket fits it.
  names = {
    account              = local.account
    alias_prefix         = var.alias_prefix
    deletion_window_days = tostring(var.deletion_window_days)
    document_prefix      = var.document_prefix
    issuer               = var.signer_issuer
    jwks_bucket          = "${var.name}-jwks-*"
    replica_regions      = join("\", \"", sort(setsubtract(var.regions, [var.primary_region])))
    role_prefix          = "${var.name}-"
    signing_bucket       = "${var.name}-signing-*"
    state_bucket         = "${var.name}-state"
    state_prefix         = var.state_prefix
    wrapping_alias       = var.wrapping_alias
  }

  suffix = var.keys == "kms-wrapped" ? "-wrapped" : ""
  files  = { planner = "planner.json", applier = "applier${local.suffix}.json", signer = "signer${local.suffix}.json" }
}
