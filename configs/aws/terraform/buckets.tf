resource "aws_s3_bucket" "this" {
  for_each = local.buckets

  bucket = "${var.name}-${each.key}"
  region = each.value.region

  # Verifiers, signers and the state live on them: taking a region away is a decision of its own.
  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_s3_bucket_ownership_controls" "this" {
  for_each = local.buckets

  bucket = aws_s3_bucket.this[each.key].id
  region = each.value.region

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_public_access_block" "this" {
  for_each = local.buckets

  bucket = aws_s3_bucket.this[each.key].id
  region = each.value.region

  # Access lists never make anything public here; a policy does for key sets, and only where that was asked for.
  block_public_acls       = true
  ignore_public_acls      = true
  block_public_policy     = !(each.value.kind == "jwks" && var.jwks_access == "public")
  restrict_public_buckets = !(each.value.kind == "jwks" && var.jwks_access == "public")
}

resource "aws_s3_bucket_versioning" "this" {
  for_each = local.buckets

  bucket = aws_s3_bucket.this[each.key].id
  region = each.value.region

  versioning_configuration {
    status = "Enabled"
  }
}

# Replaced signing targets and states go: with kms-wrapped they hold private halves that still decrypt.
resource "aws_s3_bucket_lifecycle_configuration" "this" {
  for_each = { for key, bucket in local.buckets : key => bucket if bucket.keep_days != null }

  bucket = aws_s3_bucket.this[each.key].id
  region = each.value.region

  rule {
    id     = "old-versions-go"
    status = "Enabled"

    filter {
      prefix = each.value.prefix
    }

    noncurrent_version_expiration {
      noncurrent_days = each.value.keep_days
    }

    expiration {
      expired_object_delete_marker = true
    }
  }

  # S3 takes rules about versions only once there are versions.
  depends_on = [aws_s3_bucket_versioning.this]
}

locals {
  guards = {
    for key, bucket in local.buckets : key => jsondecode(
      templatefile("${path.module}/../bucket-guard.json", { bucket = "${var.name}-${key}" })
    ).Statement
  }

  reader_files = var.jwks_access == "private" ? [] : ["bucket-${var.jwks_access}-read.json"]

  readers = {
    for key, bucket in local.buckets : key => flatten([
      for file in(bucket.kind == "jwks" ? local.reader_files : []) :
      jsondecode(templatefile("${path.module}/../${file}", {
        bucket          = "${var.name}-${key}"
        document_prefix = var.document_prefix
        distribution    = try(aws_cloudfront_distribution.edge[bucket.region].arn, "")
      })).Statement
    ])
  }
}

resource "aws_s3_bucket_policy" "this" {
  for_each = local.buckets

  bucket = aws_s3_bucket.this[each.key].id
  region = each.value.region
  policy = replace(
    jsonencode({ Version = "2012-10-17", Statement = concat(local.guards[each.key], local.readers[each.key]) }),
    "arn:aws:", "arn:${local.partition}:",
  )

  # A policy that makes something public is refused until the block allows it.
  depends_on = [aws_s3_bucket_public_access_block.this]
}
