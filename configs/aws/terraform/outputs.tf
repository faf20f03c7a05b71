output "roles" {
  description = "The roles' ARNs: planner, applier, and one signer per region."
  value       = { for key, role in aws_iam_role.this : key => role.arn }
}

output "signer_policies" {
  description = "The signers' policies by region, for the role that a workload has already."
  value       = { for region in var.regions : region => aws_iam_policy.this["signer-${region}"].arn }
}

output "buckets" {
  description = "The buckets' names: jwks-REGION, signing-REGION, state."
  value       = { for key, bucket in aws_s3_bucket.this : key => bucket.bucket }
}

output "jwks_hosts" {
  description = "The host in front of each region's key sets; empty for private ones."
  value       = local.hosts
}

output "rotator_yaml" {
  description = "What belongs into rotator.yaml; issuers and the policy are yours."
  value       = yamlencode(local.rotator)
}

locals {
  hosts = {
    for region in var.regions : region => (
      var.jwks_access == "cloudfront" ? try(var.edge_names[region].host, aws_cloudfront_distribution.edge[region].domain_name) :
      aws_s3_bucket.this["jwks-${region}"].bucket_regional_domain_name
    ) if var.jwks_access != "private"
  }

  access = {
    for region in setunion(var.regions, [local.state_region]) : region => {
      region      = region
      role_arn    = aws_iam_role.this["applier"].arn
      external_id = var.external_id
    }
  }

  key_stores = {
    kms = {
      kind            = "kms"
      primary_region  = var.primary_region
      alias           = "alias/${var.alias_prefix}{issuer}"
      deletion_window = "${var.deletion_window_days}d"
    }
    kms-wrapped = {
      kind           = "kms-wrapped"
      primary_region = var.primary_region
      wrapping_key   = var.wrapping_alias
    }
  }

  rotator = {
    version = 1
    state = {
      kind   = "s3"
      bucket = aws_s3_bucket.this["state"].bucket
      prefix = var.state_prefix
      aws    = local.access[local.state_region]
    }
    keys   = local.key_stores[var.keys]
    policy = { edge_cache = "${var.edge_ttl}s" }
    regions = {
      for region in var.regions : region => {
        aws     = local.access[region]
        jwks    = { kind = "s3", bucket = aws_s3_bucket.this["jwks-${region}"].bucket, key = "${var.document_prefix}{issuer}/jwks.json", cache_control = "public, max-age=${var.edge_ttl}" }
        signing = { kind = "s3", bucket = aws_s3_bucket.this["signing-${region}"].bucket, key = "${var.document_prefix}{issuer}/signing.json" }
        cdn     = var.jwks_access == "cloudfront" ? { kind = "cloudfront", distribution = aws_cloudfront_distribution.edge[region].id } : null
        checks  = [for host in try([local.hosts[region]], []) : { kind = "http", url = "https://${host}/${var.document_prefix}{issuer}/jwks.json" }]
      }
    }
  }
}
